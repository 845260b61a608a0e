"""How probabilities of results lie against those of the model card, and one's own first ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from service.api.http.context import services
from service.errors import Unavailable
from service.store.search import Filter, Point
from service.web import figures, reference
from service.web.card import deciding, on_card
from service.web.charts import WIDE, Bars
from service.web.patience import within


@dataclass(frozen=True)
class InForce:
    """The models that judge now; `genuine`, `scale`: of their card."""

    fingerprint: str
    threshold: float
    genuine: tuple[float, ...] | None
    scale: Callable[[float], float]


@dataclass(frozen=True)
class Told:
    """`word`: few, same, some or far; of the card also none: it holds no scores, and other: the
    results are of other models. `count`: how many it is compared with."""

    word: str
    index: float = 0.0
    count: int = 0
    since: float | None = None
    until: float | None = None


@dataclass(frozen=True)
class Comparison:
    """`line`: as many as there would be if all were as in the card, or else as one's own first."""

    scores: Bars
    mark: float | None  # where the threshold in force is drawn
    card: Told
    own: Told | None  # None until there are enough
    line: str


def compared(points: Sequence[Point], most: int) -> Comparison:
    """Of the newest `most` results."""
    known = _in_force()
    scale = known.scale if known else float
    laid = [replace(one, probability=scale(one.probability)) for one in points]
    card = _with_card(laid, known)
    first = _first(laid, most, scale)
    asked = known is not None and known.genuine is not None and card.word not in ("none", "other")
    like = known.genuine if known and asked else first.counts if first else None
    heights = figures.expected(like, len(laid)) if like else []
    scores = figures.histogram(laid, max(heights, default=0))
    mark = WIDE * known.threshold if known else None
    line = figures.outline(heights, scores.top) if heights else ""
    return Comparison(scores, mark, card, _with_first(laid, first), line)


def _in_force() -> InForce | None:
    """None where no model judges yet."""
    try:
        analyzer = services().loader.analyzer
    except Unavailable:
        return None
    card, scale = analyzer.model_card(), on_card(analyzer.model_card())
    test = deciding(card, services().settings.models_dir)
    threshold = scale(analyzer.policy.fusion.threshold)
    return InForce(analyzer.fingerprint, threshold, reference.genuine(test), scale)


def _with_card(points: Sequence[Point], known: InForce | None) -> Told:
    if known is None or known.genuine is None:
        return Told("none")
    # What a presentation attack was refused by is no probability of these models.
    same = [one for one in points if one.fingerprint == known.fingerprint]
    judged = [one for one in same if one.decision != "presentation_attack"]
    if not judged:
        return Told("other")
    index = reference.moved(reference.counted(judged), known.genuine)
    return Told(reference.word(index, len(judged)), index, round(sum(known.genuine)))


def _first(
    points: Sequence[Point], most: int, scale: Callable[[float], float]
) -> reference.Reference | None:
    """Where a day holds too few, of longer."""
    store = services().store
    found = reference.reference(store, points)
    if found or not points or len(points) >= most:
        return found
    more = within(lambda: services().results.result_points(Filter(), most))[0]
    laid = [replace(one, probability=scale(one.probability)) for one in more]
    return reference.reference(store, laid)


def _with_first(points: Sequence[Point], first: reference.Reference | None) -> Told | None:
    if first is None:
        return None
    same = [one for one in points if one.fingerprint == points[0].fingerprint]
    index = reference.moved(reference.counted(same), first.counts)
    word, count = reference.word(index, len(same)), sum(first.counts)
    return Told(word, index, count, first.since, first.until)
