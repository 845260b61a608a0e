"""How well pictures are known again: other pictures called the same, and the same in other files.

    python -m scripts.provenance.seen DIR [--count N]

Prints two rows for docs/provenance.md. A file that is in the folder twice counts as a false alarm.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
from PIL import Image

from scripts.provenance.files import jpeg
from service.errors import FacegateError
from service.judging.seen import LIKE, SeenBefore
from service.media.image import decode
from service.settings import Settings
from service.store.null.store import NullStore

SHARES = (1.0, 0.5)  # of the sides
QUALITIES = (50, 75, 92)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=400)
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as data:
        seen = SeenBefore(Settings(data_dir=Path(data)), NullStore())
    pictures = _pictures(asked.folder, asked.count)
    bits = [seen._print(one).bits for one in pictures]
    pairs = [(a ^ b).bit_count() for a, b in combinations(bits, 2)]
    print(f"| other pictures called the same | {_like(pairs)} of {len(pairs)} pairs |")
    for share in SHARES:
        again = [
            _again(seen, one, share, q) ^ b
            for one, b in zip(pictures, bits, strict=True)
            for q in QUALITIES
        ]
        found = _like([one.bit_count() for one in again])
        print(f"| the same at {share:g} of its size, called the same | {found} of {len(again)} |")
    return 0


def _like(distances: Sequence[int]) -> int:
    return sum(one <= LIKE for one in distances)


def _again(seen: SeenBefore, pixels: np.ndarray, share: float, quality: int) -> int:
    picture = Image.fromarray(pixels)
    size = tuple(max(1, round(side * share)) for side in picture.size)
    saved = jpeg(picture.resize(size), quality)
    return seen._print(decode(saved, max_pixels=10**8).pixels).bits


def _pictures(folder: Path, count: int) -> list[np.ndarray]:
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    random.Random(3).shuffle(files)
    found = []
    for file in files:
        try:
            found.append(decode(file.read_bytes(), max_pixels=10**8).pixels)
        except FacegateError:
            continue
        if len(found) == count:
            break
    return found


if __name__ == "__main__":
    sys.exit(main())
