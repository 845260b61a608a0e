"""A training that several tests look at."""

from __future__ import annotations

from pathlib import Path

from tests.commands.conftest import Ran, command_in

BPCER = 0.2  # so that 50 genuine images are enough to state it

Trained = tuple[Ran, Path]


def train_in(folder: Path, album: Path, models_dir: Path, *options: str) -> Trained:
    """What the command said, and the data folder that it left."""
    ran = command_in(folder)("train", album, *options, models_dir=models_dir, bpcer=BPCER)
    return ran, folder / "data"
