"""Numbers and moments as people read them, for templates."""

from __future__ import annotations

from datetime import UTC, datetime


def moment(seconds: float | None) -> str:
    """`2026-11-26 18:40:05 UTC`."""
    if seconds is None:
        return ""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"


def day(seconds: float | None) -> str:
    """`2026-11-26`."""
    return "" if seconds is None else f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d}"


def share(value: float) -> str:
    """`5.0 %`."""
    return f"{value * 100:.1f} %"


def size(count: float) -> str:
    """`1.5 MB`."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def short(digest: str) -> str:
    """The first digits of a digest."""
    return digest[:12]
