"""What today's probabilities are compared with: those of the model card, and one's own first ones.

The card has those of genuine faces of its test data, from other cameras than an operator's. His own
first results are counted once for each fingerprint of models and kept; later ones do not change
them.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from service.store.base import Store
from service.store.records import StoredRecord
from service.store.search import Point

SHELF, NEEDED, BINS = "probability-reference", 1000, 20
FEWEST = 200  # results below which chance alone moves the index too far
SOME, FAR = 0.1, 0.25  # of the population stability index, as is usual
FLOOR = 0.5  # of a result, in a bin that is empty on one side


@dataclass(frozen=True)
class Reference:
    """How many results had a probability in each twentieth, and from when to when they came."""

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


def genuine(test: Mapping[str, Any]) -> tuple[float, ...] | None:
    """How many genuine faces of the test data had a probability in each twentieth; None where the
    card does not say."""
    found = (test.get("scores") or {}).get("genuine")
    if not isinstance(found, list) or len(found) != BINS:
        return None
    if not all(isinstance(one, (int, float)) and one >= 0 for one in found) or not any(found):
        return None
    return tuple(map(float, found))


def counted(points: Sequence[Point]) -> tuple[int, ...]:
    """Probabilities in twentieths."""
    found = Counter(min(int(one.probability * BINS), BINS - 1) for one in points)
    return tuple(found[n] for n in range(BINS))


def moved(counts: Sequence[float], known: Sequence[float]) -> float:
    """The population stability index over tenths: 0 where both lie the same."""
    now, then = _tenths(counts), _tenths(known)
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


def _tenths(counts: Sequence[float]) -> list[float]:
    filled = [max(a + b, FLOOR) for a, b in zip(counts[::2], counts[1::2], strict=True)]
    return [one / sum(filled) for one in filled]
