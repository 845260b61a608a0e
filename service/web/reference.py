"""What today's scores are compared with: the card tells no scores, so an operator's own first ones.

They are counted once for each fingerprint of models and kept; later results do not change them.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import TypeAdapter

from service.store.base import Store
from service.store.records import StoredRecord
from service.store.search import Point

SHELF, NEEDED, BINS = "score-reference", 1000, 20
FEWEST = 200  # results below which chance alone moves the index too far
SOME, FAR = 0.1, 0.25  # of the population stability index, as is usual
FLOOR = 0.5  # of a result, in a bin that is empty on one side


@dataclass(frozen=True)
class Reference:
    """How many results had a score in each twentieth, and from when to when they came."""

    counts: tuple[int, ...]
    since: float
    until: float


REFERENCE = TypeAdapter(Reference)


def reference(store: Store, points: Sequence[Point]) -> Reference | None:
    """Of the models of the newest result; None until there are enough. `points`: newest first."""
    if not points:
        return None
    fingerprint = points[0].fingerprint
    if known := store.get_record(SHELF, fingerprint):
        return REFERENCE.validate_python(known.document)
    same = [one for one in points if one.fingerprint == fingerprint]
    return _keep(store, fingerprint, same[-NEEDED:]) if len(same) >= NEEDED else None


def counted(points: Sequence[Point]) -> tuple[int, ...]:
    """Scores in twentieths."""
    found = Counter(min(int(one.score * BINS), BINS - 1) for one in points)
    return tuple(found[n] for n in range(BINS))


def moved(counts: Sequence[int], known: Reference) -> float:
    """The population stability index over tenths: 0 where both lie the same."""
    now, then = _tenths(counts), _tenths(known.counts)
    return sum((a - b) * math.log(a / b) for a, b in zip(now, then, strict=True))


def word(index: float, count: int) -> str:
    """few, same, some or far."""
    if count < FEWEST:
        return "few"
    return "same" if index < SOME else "some" if index < FAR else "far"


def _keep(store: Store, fingerprint: str, first: Sequence[Point]) -> Reference:
    found = Reference(counted(first), first[-1].created_at, first[0].created_at)
    document = REFERENCE.dump_python(found, mode="json")
    store.add_record(StoredRecord(SHELF, fingerprint, time.time(), document))
    return found


def _tenths(counts: Sequence[int]) -> list[float]:
    filled = [max(a + b, FLOOR) for a, b in zip(counts[::2], counts[1::2], strict=True)]
    return [one / sum(filled) for one in filled]
