"""A detector in Python that takes its time, so that a test can catch a judgement in the middle.

It waits while the file `hold` of the folder exists, and counts its beginnings in `begun`.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import numpy as np

from service.sdk import FaceDetectorPlugin


class Slow(FaceDetectorPlugin):
    """Gives every face the same probability."""

    size = 32

    def load(self) -> None:
        self.folder = Path(os.environ["SLOW_DETECTOR"])

    def predict(self, face: np.ndarray) -> float:
        if (face == 127).all():  # the trial when it is loaded
            return 0.25
        with (self.folder / "begun").open("a") as file:
            file.write(f"{os.getpid()}\n")
        while (self.folder / "hold").exists():
            time.sleep(0.02)
        return 0.25


def slow_detector(models_dir: Path, seconds: float = 60.0) -> None:
    """Its folder among the models."""
    folder = models_dir / "slow"
    folder.mkdir(parents=True)
    manifest = {"kind": "python", "name": "slow", "version": "1.0.0", "object": "tests.slow:Slow"}
    (folder / "manifest.json").write_text(json.dumps(manifest | {"timeout": seconds}))
