"""Split images into those that a head is fitted to and those held out to test it.

Copies of an image count once. Images in folders of the same name below a source or species belong
to one unit, and so may a person's genuine images and the attacks made of them; every other image is
a unit of its own. A unit is never on both sides.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from service.errors import StartupError
from service.fitting.dataset import Labelled, labelled

SHARE = 0.3  # of every source and species


@dataclass(frozen=True, eq=False)
class Album:
    """Arrays of equal length, one entry an image; `sha256` is that of its bytes."""

    images: tuple[Labelled, ...]
    sha256: tuple[str, ...]
    unit: np.ndarray
    held_out: np.ndarray

    @property
    def fake(self) -> np.ndarray:
        return np.array([image.fake for image in self.images], bool)

    @property
    def source(self) -> np.ndarray:
        """Of an attack its species."""
        return np.array([image.source for image in self.images], dtype=str)


def open_album(folder: Path) -> Album:
    """The images below folder/real and folder/fake. Raises StartupError when they are unusable."""
    by_hash: dict[str, Labelled] = {}
    for image in labelled(folder):
        first = by_hash.setdefault(_sha256(image.path), image)
        if first.fake != image.fake:
            raise StartupError(
                f"The same image lies in real/ and in fake/: {first.path} and {image.path}.",
                "Take one of them away.",
            )
    images = tuple(by_hash.values())
    units = [_unit(image, folder) for image in images]
    return Album(images, tuple(by_hash), np.array(units, dtype=str), held_out(images, units))


def held_out(images: Sequence[Labelled], units: Sequence[str]) -> np.ndarray:
    """True for about `SHARE` of every source: whole units, drawn at random but always the same."""
    kinds = [(image.fake, image.source) for image in images]
    of_unit: dict[str, Counter[tuple[bool, str]]] = {}
    for unit, kind in zip(units, kinds, strict=True):
        of_unit.setdefault(unit, Counter())[kind] += 1
    wanted, held = Counter(kinds), Counter[tuple[bool, str]]()
    chosen = set()
    for unit in sorted(of_unit, key=_shuffled):
        missing = [
            count * (SHARE * wanted[kind] - held[kind] - count / 2)
            for kind, count in of_unit[unit].items()
        ]
        if sum(missing) >= 0:  # with it the share comes nearer than without it
            held += of_unit[unit]
            chosen.add(unit)
    return np.array([unit in chosen for unit in units], bool)


def _unit(image: Labelled, folder: Path) -> str:
    path = image.path.relative_to(folder)
    parts = path.parts  # real, source, person, ..., file
    return parts[2] if len(parts) > 3 else str(path)


def _shuffled(unit: str) -> str:
    return hashlib.sha256(unit.encode("utf-8", "surrogateescape")).hexdigest()


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise StartupError(
            f"The image {path} cannot be read: {error.strerror}.", "Make it readable."
        ) from None
