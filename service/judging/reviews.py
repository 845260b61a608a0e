"""What people found in results: opinions, the label that they make, and the error rates by them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Literal

from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass

from service.store.base import Store, StoredResult
from service.store.records import Place, StoredRecord
from service.store.search import Label, Search

SHELF = "reviews"
Source = Literal["threshold", "warned", "random", "second", "other"]
PAGE = 500
Z = 1.96  # of a 95 % interval


@dataclass(frozen=True)
class Opinion:
    """What one person found, and by which of the queues it came to them."""

    by: str
    label: Label
    note: str
    at: float
    source: Source


@dataclass(frozen=True)
class Review:
    """All opinions on one result, and what the service had said."""

    result: str
    decision: str
    score: float
    opinions: tuple[Opinion, ...]
    sha256: str = ""  # of the medium; with it, or its licence, the review is forgotten, too
    licence: str = ""
    made_at: float = 0.0  # the result, not the opinions

    @property
    def label(self) -> Label | None:
        """What they say where they agree, else `unsure`."""
        said = {one.label for one in self.opinions}
        return None if not said else said.pop() if len(said) == 1 else "unsure"

    @property
    def disputed(self) -> bool:
        """Whether two people say different things."""
        return len({one.label for one in self.opinions}) > 1

    @property
    def sampled(self) -> bool:
        """Whether it came by the random sample, and so stands for the traffic."""
        return bool(self.opinions) and self.opinions[0].source == "random"


@dataclass(frozen=True)
class Rate:
    """A share with its 95 % interval (Wilson's)."""

    wrong: int
    of: int
    value: float
    low: float
    high: float


REVIEW = TypeAdapter(Review)


class Reviews:
    """Over a store; what it raises is StoreUnavailable."""

    def __init__(
        self,
        store: Store,
        results: Search | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """results: where the results are, if not in the store."""
        self._store, self._clock = store, clock
        self._results = results or store

    def get(self, result_id: str) -> Review | None:
        """What was found in a result."""
        found = self._store.get_record(SHELF, result_id)
        return REVIEW.validate_python(found.document) if found else None

    def say(self, result: StoredResult, by: str, label: Label, note: str, source: Source) -> Review:
        """An opinion; a person's later one replaces the former."""
        opinion = Opinion(by, label, note, self._clock(), source)
        known = self.get(result.id) or _unseen(result)
        others = tuple(one for one in known.opinions if one.by != by)
        return self._keep(result, replace(known, opinions=(*others, opinion)))

    def take_back(self, result: StoredResult, by: str) -> Review | None:
        """A person's opinion is gone; None where there was none."""
        known = self.get(result.id)
        if known is None or all(one.by != by for one in known.opinions):
            return None
        others = tuple(one for one in known.opinions if one.by != by)
        return self._keep(result, replace(known, opinions=others))

    def since(self, moment: float = 0.0) -> Iterator[Review]:
        """The results that were reviewed since then, newest first."""
        before: Place | None = None
        while page := self._store.list_records(SHELF, PAGE, before):
            for one in page:
                if one.created_at < moment:
                    return
                yield REVIEW.validate_python(one.document)
            before = (page[-1].created_at, page[-1].id)

    def _keep(self, result: StoredResult, review: Review) -> Review:
        """Keep a review as long as its result: it, too, tells of a person's picture."""
        document = REVIEW.dump_python(review, mode="json")
        if review.opinions:
            record = StoredRecord(SHELF, result.id, self._clock(), document, result.expires_at)
            self._store.put_record(record)
        else:
            self._store.delete_record(SHELF, result.id)
        self._results.label_result(result.id, review.label)
        return review


def bpcer(reviews: Iterable[Review]) -> Rate:
    """The share that the service refused of those that people call genuine."""
    genuine = [one.decision != "bona_fide" for one in reviews if one.label == "genuine"]
    return rate(sum(genuine), len(genuine))


def apcer(reviews: Iterable[Review]) -> Rate:
    """The share that the service let pass of those that people call deepfakes."""
    fakes = [one.decision == "bona_fide" for one in reviews if one.label == "deepfake"]
    return rate(sum(fakes), len(fakes))


def rate(wrong: int, of: int) -> Rate:
    """A share with Wilson's interval, which holds for few cases and for shares near 0 as well."""
    if of == 0:
        return Rate(0, 0, 0.0, 0.0, 1.0)
    share = wrong / of
    middle = (share + Z**2 / (2 * of)) / (1 + Z**2 / of)
    half = Z * math.sqrt(share * (1 - share) / of + Z**2 / (4 * of**2)) / (1 + Z**2 / of)
    return Rate(wrong, of, share, max(0.0, middle - half), min(1.0, middle + half))


def _unseen(result: StoredResult) -> Review:
    found = result.analysis
    decision, score = str(found.get("decision", "")), float(found.get("score", 0.0))
    owner = (result.sha256, result.licence, result.created_at)
    return Review(result.id, decision, score, (), *owner)
