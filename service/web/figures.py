"""Figures of the last day and of this service since its start, for the page of operations."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from service.runtime import metrics
from service.store.search import Point
from service.web.charts import Bars, path, stacked
from service.web.reference import BINS, counted

HOUR, HOURS = 3600.0, 24
WANTED = (0.5, 0.95, 0.99)
FEWEST = 100  # results below which nothing is said about drift


@dataclass(frozen=True)
class Stage:
    """Milliseconds within which so many of the calls of a stage ended; None: beyond the scale."""

    name: str
    count: int
    within: tuple[float | None, ...]


@dataclass(frozen=True)
class Drift:
    """How today's share of refused media stands to what the threshold stands for."""

    word: str  # few, usual, more, many
    share: float
    bpcer: float
    count: int


def by_hour(points: Sequence[Point], now: float | None = None) -> Bars:
    """Decisions of each of the last 24 hours, refused ones above."""
    now = now or time.time()
    passed, refused = [0] * HOURS, [0] * HOURS
    for one in points:
        age = int((now - one.created_at) // HOUR)
        if 0 <= age < HOURS:
            side = passed if one.decision == "bona_fide" else refused
            side[HOURS - 1 - age] += 1
    hours = (time.gmtime(now - HOUR * (HOURS - 1 - n)) for n in range(HOURS))
    names = [time.strftime("%H:00", one) for one in hours]
    return stacked(passed, refused, names, every=4)


def histogram(points: Sequence[Point], top: float = 0) -> Bars:
    """Probabilities in twentieths, refused ones above; `top`: what must have room."""
    passed = counted([one for one in points if one.decision == "bona_fide"])
    refused = counted([one for one in points if one.decision != "bona_fide"])
    return stacked(passed, refused, [f"{n / BINS:.2f}" for n in range(BINS)], every=5, top=top)


def expected(known: Sequence[float], count: int) -> list[float]:
    """As many results in each twentieth as there would be if all `count` lay as these."""
    return [one * count / sum(known) for one in known]


def outline(heights: Sequence[float], top: float) -> str:
    """An SVG path over the twentieths."""
    sides = ((n + side, one) for n, one in enumerate(heights) for side in (0, 1))
    return path([(at / BINS, one / top) for at, one in sides])


def drift(points: Sequence[Point], bpcer: float) -> Drift:
    """In words: most traffic is genuine, so about BPCER of it is refused where all is as usual."""
    count = len(points)
    share = sum(one.decision != "bona_fide" for one in points) / count if count else 0.0
    if count < FEWEST:
        return Drift("few", share, bpcer, count)
    word = "usual" if share <= 2 * bpcer else "more" if share <= 4 * bpcer else "many"
    return Drift(word, share, bpcer, count)


def stages() -> list[Stage]:
    """Percentiles of each stage over all workers since the start, from the metrics."""
    buckets: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for name, labels, value in _samples("facegate_stage_seconds"):
        if name.endswith("_bucket"):
            buckets[labels["stage"]].append((float(labels["le"]), value))
    return [_stage(name, sorted(found)) for name, found in sorted(buckets.items())]


def refusals() -> list[tuple[str, int]]:
    """Refused requests by code since the start, the most frequent first."""
    counts = Counter[str]()
    for name, labels, value in _samples("facegate_rejections"):
        if name.endswith("_total"):
            counts[labels["reason"]] += int(value)
    return counts.most_common(20)


def gauge(name: str) -> float | None:
    """One value of the metrics, where it is known."""
    return next((value for found, _, value in _samples(name) if found == name), None)


def _stage(name: str, buckets: Sequence[tuple[float, float]]) -> Stage:
    count = buckets[-1][1] if buckets else 0
    return Stage(name, int(count), tuple(_within(buckets, share * count) for share in WANTED))


def _within(buckets: Sequence[tuple[float, float]], rank: float) -> float | None:
    """Linear within a bucket, as Prometheus does it."""
    low, before = 0.0, 0.0
    for edge, count in buckets:
        if count >= rank and count > before:
            if edge == float("inf"):
                return None
            return 1000 * (low + (edge - low) * (rank - before) / (count - before))
        low, before = edge, count
    return None


def _samples(family: str) -> Iterator[tuple[str, dict[str, str], float]]:
    for metric in metrics.collected():
        if metric.name == family:
            for sample in metric.samples:
                yield sample.name, sample.labels, sample.value
