"""Folders of portraits whose redness, and with it the score of the tests' `red` detector, is known.

The redder a portrait, the higher its score; every file has another redness.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from tests.images import encode, portrait

WIDTH = 160  # pixels; small, for there are many


def reddened(share: float) -> bytes:
    """The portrait with this share of its red, as a JPEG."""
    small = portrait().resize((WIDTH, round(portrait().height * WIDTH / portrait().width)))
    pixels = np.asarray(small, np.float32) * (share, 1, 1)
    return encode(Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)), "JPEG", quality=90)


def fill(folder: Path, count: int, low: float, high: float) -> None:
    """`count` portraits with shares of red from `low` to `high`."""
    folder.mkdir(parents=True)
    for number, share in enumerate(np.linspace(low, high, count)):
        (folder / f"{number:03}.jpg").write_bytes(reddened(float(share)))


def tinted(share: float, tint: float) -> bytes:
    """The portrait with this share of its red, and this much green added below its middle."""
    small = portrait().resize((WIDTH, round(portrait().height * WIDTH / portrait().width)))
    pixels = np.asarray(small, np.float32) * (share, 1, 1)
    pixels[pixels.shape[0] // 2 :, :, 1] += tint
    return encode(Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)), "JPEG", quality=90)


def fill_tinted(folder: Path, count: int, tint: float, *, people: int = 0) -> None:
    """`count` portraits, of all shares of red and with about this tint, no two of them the same.

    In `people` folders, one a person, or in none.
    """
    rng = np.random.default_rng(count)
    for number, share in enumerate(rng.permutation(np.linspace(0.6, 1.0, count))):
        below = folder / f"person-{number % people}" if people else folder
        below.mkdir(parents=True, exist_ok=True)
        data = tinted(float(share), tint + float(rng.normal(0, 6)))
        (below / f"{number:03}.jpg").write_bytes(data)
