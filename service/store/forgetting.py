"""Forgetting media: the part of every store that deletes what is kept about them."""

from __future__ import annotations

from typing import Protocol

Gone = dict[str, int]  # how many went, by what they were


class Forgetting(Protocol):
    """Raises StoreUnavailable as all of a store does."""

    def forget(
        self,
        *,
        sha256: str | None = None,
        licence: str | None = None,
        before: float | None = None,
    ) -> Gone:
        """Delete results, jobs, hashes and histories of which all that is given holds.

        `licence` is a digest; `before`: made earlier than that. The audit log stays as it is.
        Raises ValueError when nothing is given.
        """


def added(first: Gone, second: Gone) -> Gone:
    """Both together."""
    return {name: first.get(name, 0) + second.get(name, 0) for name in {**first, **second}}
