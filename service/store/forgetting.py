"""Forgetting media: the part of every store that deletes what is kept about them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

Gone = dict[str, int]  # how many went, by what they were


@dataclass(frozen=True)
class Selection:
    """Records of which all that is given holds. Raises ValueError when that is nothing.

    licence: a digest; before: made earlier than that.
    """

    sha256: str | None = None
    licence: str | None = None
    before: float | None = None

    def __post_init__(self) -> None:
        if not self.given():  # it would be everything
            raise ValueError("name a sha256, a licence or a time")

    def given(self) -> dict[str, Any]:
        """What the records must have."""
        return {name: value for name, value in vars(self).items() if value is not None}


class Forgetting(Protocol):
    """Raises StoreUnavailable as all of a store does."""

    def forget(self, meant: Selection) -> Gone:
        """Delete the results, jobs, hashes and histories that are meant; the audit log stays."""


def added(first: Gone, second: Gone) -> Gone:
    """Add two counts."""
    return {name: first.get(name, 0) + second.get(name, 0) for name in {**first, **second}}
