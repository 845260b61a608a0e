"""Pictures that were seen: the part of every store that keeps their keyed perceptual hashes.

Nothing of a picture can be made from a hash, and without this installation's key nobody can tell
whether a picture is among them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from pydantic.dataclasses import dataclass


@dataclass(frozen=True)
class SeenPicture:
    """One picture that was judged.

    sha256: of the bytes as they were received; name: keyed digest of the file's name, or "".
    bands: parts of its perceptual hash, each with its place; like pictures share one or more.
    """

    id: str
    licence: str  # the licence's digest
    sha256: str
    name: str
    hash: str  # hexadecimal
    bands: tuple[str, ...]
    created_at: float
    expires_at: float


class Pictures(Protocol):
    """Raises StoreUnavailable as all of a store does."""

    def put_picture(self, picture: SeenPicture) -> None:
        """Insert; the same id again only moves its expiry."""

    def find_pictures(self, bands: Sequence[str], limit: int) -> list[SeenPicture]:
        """Unexpired pictures that share a band with these, newest first."""
