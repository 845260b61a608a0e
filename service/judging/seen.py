"""Tells when a picture comes again: in other bytes, by another name, under another licence.

What is kept of a picture is a hash that is keyed twice: the directions that its bits tell of are
made of this installation's key, so without it nobody can tell whether a picture is among them.
"""

from __future__ import annotations

import hmac
import time
from dataclasses import dataclass

import cv2
import numpy as np

from service.errors import StoreUnavailable
from service.judging.provenance import picture_key
from service.media.image import decode
from service.media.medium import Medium
from service.settings import Settings
from service.store.base import Store
from service.store.pictures import SeenPicture

SIDE, KEPT = 32, 8  # pixels of the small picture; frequencies across and down that are kept
BANDS, BITS = 11, 12  # eleven bands: of two hashes that differ in ten bits, one band is the same
LIKE = BANDS - 1  # bits in which two hashes of the same picture may differ
MOST = 1000  # pictures that share a band and are looked at


@dataclass(frozen=True)
class _Print:
    bits: int
    bands: tuple[str, ...]


class SeenBefore:
    """Safe for threads. A store that is away only means that nothing is told."""

    def __init__(self, settings: Settings, store: Store) -> None:
        """Raises StartupError when the key cannot be read."""
        self._settings, self._store = settings, store
        self._key = picture_key(settings)
        self._directions = _directions(self._key)

    def before(self, medium: Medium, owner: str) -> tuple[str, ...]:
        """How this picture was seen before; from now on it was."""
        image = decode(medium.read(), max_pixels=self._settings.max_pixels)
        mark = self._print(image.pixels)
        name = self._digest(medium.name) if medium.name else ""
        try:
            known = self._store.find_pictures(mark.bands, MOST)
            self._store.put_picture(self._picture(medium, owner, name, mark))
        except StoreUnavailable:
            return ()
        same = [one for one in known if _differ(one, mark) <= LIKE]
        return tuple(sorted({how for one in same for how in _how(one, medium, owner, name)}))

    def _picture(self, medium: Medium, owner: str, name: str, mark: _Print) -> SeenPicture:
        now = time.time()
        return SeenPicture(
            id=self._digest(f"{owner}/{medium.sha256}/{name}"),
            licence=owner,
            sha256=medium.sha256,
            name=name,
            hash=f"{mark.bits:0{BANDS * BITS // 4}x}",
            bands=mark.bands,
            created_at=now,
            expires_at=now + self._settings.provenance_seen_ttl,
        )

    def _print(self, pixels: np.ndarray) -> _Print:
        signs = self._directions @ _shape(pixels) > 0
        bits = int("".join("01"[sign] for sign in signs.astype(int)), 2)
        parts = ((bits >> BITS * n) & (2**BITS - 1) for n in range(BANDS))
        return _Print(bits, tuple(f"{n:x}{part:03x}" for n, part in enumerate(parts)))

    def _digest(self, text: str) -> str:
        return hmac.digest(self._key, text.encode("utf-8", "surrogatepass"), "sha256").hex()[:32]


def _directions(key: bytes) -> np.ndarray:
    """One row a bit, drawn by the key alone."""
    seed = int.from_bytes(hmac.digest(key, b"directions of perceptual hashes", "sha256"))
    shape = (BANDS * BITS, KEPT * KEPT - 1)
    return np.random.Generator(np.random.PCG64(seed)).standard_normal(shape)


def _shape(pixels: np.ndarray) -> np.ndarray:
    """Low frequencies without the mean, weighted alike: what saving and resizing leave."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    waves = cv2.dct(small)[:KEPT, :KEPT]
    across, down = np.meshgrid(np.arange(KEPT), np.arange(KEPT))
    return (waves * np.hypot(across, down)).ravel()[1:]


def _differ(one: SeenPicture, mark: _Print) -> int:
    return (int(one.hash, 16) ^ mark.bits).bit_count()


def _how(one: SeenPicture, medium: Medium, owner: str, name: str) -> list[str]:
    told = []
    if one.licence != owner:
        told.append("other_licence")
    if one.sha256 != medium.sha256:
        told.append("other_file")
    if one.name and name and one.name != name:
        told.append("other_name")
    return told
