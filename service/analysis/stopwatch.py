"""Milliseconds of the stages of an analysis."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter


class Stopwatch:
    """Of each stage, and of everything since it was made."""

    def __init__(self) -> None:
        self._start = self._lap = perf_counter()
        self._stages: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measures the block."""
        start = perf_counter()
        yield
        self._stages[name] = _milliseconds(start)

    def lap(self, name: str) -> None:
        """Measures what came since the last lap."""
        self._stages[name] = _milliseconds(self._lap)
        self._lap = perf_counter()

    def timings(self) -> dict[str, float]:
        """Of the stages and of `total`."""
        return {**self._stages, "total": _milliseconds(self._start)}


def _milliseconds(start: float) -> float:
    return round((perf_counter() - start) * 1000, 3)
