"""A quota window, as every store counts it."""

from __future__ import annotations

from pydantic.dataclasses import dataclass


@dataclass(frozen=True)
class Counter:
    """One quota window: `key` names licence and window, `limit` None counts without refusing."""

    key: str
    limit: int | None
    expires_at: float
