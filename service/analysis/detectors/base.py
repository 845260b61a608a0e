"""The interface of a detector, and its prediction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from service.analysis.face.crop import Portrait


@dataclass(frozen=True, eq=False)
class Prediction:
    """One detector's answer for one face.

    `probability` (0..1) is calibrated: higher is more likely manipulated. `heat_map` is GxG
    float32, higher where more evidence lies, over the square that `box` (left, top, side) cuts
    from the image; None unless it was asked for, or where a detector has none.
    """

    probability: float
    box: tuple[int, int, int]
    heat_map: np.ndarray | None = None


class Rated(Protocol):
    """What judges by a threshold, whatever it judges. Safe to share between threads.

    `threshold` is the probability from which on something counts as an attack; `identity` changes
    whenever the same input could get another answer.
    """

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    @property
    def threshold(self) -> float: ...

    @property
    def identity(self) -> str: ...

    def card(self) -> dict[str, object]:
        """What is known about this detector, ready for JSON."""


class Detector(Rated, Protocol):
    """Judges one face."""

    def predict(self, portrait: Portrait, *, explain: bool = False) -> Prediction:
        """Judge the face; `explain`: with a heat map, where there is one."""


class VoiceDetector(Rated, Protocol):
    """Judges one voice, window by window."""

    @property
    def seconds(self) -> float:
        """The longest window that it takes."""

    @property
    def bpcer(self) -> float:
        """What its threshold stands for."""

    def predict(self, windows: Sequence[np.ndarray]) -> list[float]:
        """The calibrated probability of each window of 16 kHz mono float32 sound."""

    def card(self) -> dict[str, object]:
        """What it is, and the figures measured in training."""
