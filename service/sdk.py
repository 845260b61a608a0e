"""Base class for detectors of your own: write `load` and `predict`, nothing else.

from service.sdk import FaceDetectorPlugin

class Mine(FaceDetectorPlugin):
    def load(self) -> None:
        self.model = ...

    def predict(self, face: np.ndarray) -> float:
        return ...

Cropping, calibrating the decision line and serving are done for it; it runs on the CPU of whatever
machine it is on. `docs/adding-a-detector.md` shows how it is registered.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from service.media.image import decode


class FaceDetectorPlugin(ABC):
    """One detector. Made without arguments, once in each worker, after the fork."""

    task: str = "deepfake"  # or "presentation_attack": with which detectors it is fused
    size: int = 224  # pixels of the square that `predict` gets
    margin: float = 1.3  # its side as a multiple of the face box's longer side

    def load(self) -> None:  # noqa: B027 (a detector may have nothing to load)
        """Open models here; called once, before the first `predict`."""

    @abstractmethod
    def predict(self, face: np.ndarray) -> float:
        """The probability, 0 to 1, that the face is manipulated.

        `face` is size x size x 3 uint8 RGB, upright. Called from several threads at once. An error,
        or more than the manifest's `timeout` (10 seconds), leaves this detector out of the one
        answer; three in a row leave it alone for ten seconds.
        """


def decode_image(data: bytes, *, max_pixels: int = 64_000_000) -> np.ndarray:
    """HxWx3 uint8 RGB, upright, exactly as the service sees it. Raises ImageError."""
    return decode(data, max_pixels=max_pixels).pixels
