"""Review: what people find in results near the threshold, warned of, or drawn at random."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from itertools import islice
from typing import cast, get_args

from flask import request

from service.analysis.records import UnreadableRecord, from_record
from service.api.http.context import services
from service.errors import RequestError
from service.judging.reviews import Review, Reviews, Source, apcer, bpcer
from service.store.base import StoredResult
from service.store.search import LABELS, After, Filter, Sort, sorted_by
from service.web import acts, guard
from service.web.pages import door, page
from service.web.patience import within
from service.web.preview import preview_of
from service.web.rooms.results import find
from service.web.rows import row

blueprint = guard.room("review", "analyst", "/review")
door("review.desk", "analyst", "nav.review")
QUEUES: dict[str, tuple[Filter, Sort]] = {
    "threshold": (Filter(least=0.4, most=0.6, label="none"), "newest"),
    "warned": (Filter(warned=True, label="none"), "newest"),
    "random": (Filter(label="none"), "id"),
    "second": (Filter(label="any"), "newest"),
}
STEP, TRIES, NOTE, COUNTED = 20, 400, 1000, 10_000


@blueprint.get("/")
def desk() -> str:
    """The frame of a queue: its next result and the error rates come after the first paint."""
    return page("review.html", queues=tuple(QUEUES), queue=_queue())


@blueprint.get("/rates")
def rates() -> str:
    """The error rates by what people found so far."""
    everything = list(islice(_reviews().since(), COUNTED))
    sampled = [one for one in everything if one.sampled]
    found = {name: (bpcer(some), apcer(some)) for name, some in _groups(everything, sampled)}
    return page("review-rates.html", rates=found)


@blueprint.get("/next")
def skip() -> str:
    """The first result of a queue, or the one after that which is shown."""
    return page("review-card.html", **_next(_queue(), request.args.get("after", "")))


@blueprint.post("/<result_id>")
def say(result_id: str) -> str:
    """An opinion on a result; the next one comes back."""
    result, label = find(result_id), request.form.get("label", "")
    if label not in LABELS:
        raise RequestError("The field label is wrong: it is genuine, deepfake or unsure.")
    note = request.form.get("note", "").strip()[:NOTE]
    source = _queue()
    review = _reviews().say(result, _me(), label, note, cast(Source, source))
    acts.note("result reviewed", result=result.id, label=label, disputed=review.disputed)
    return page("review-card.html", **_next(source, request.form.get("after", ""), undo=result.id))


@blueprint.post("/<result_id>/undo")
def undo(result_id: str) -> str:
    """One's opinion is taken back; its result is shown again."""
    result = find(result_id)
    if _reviews().take_back(result, _me()) is not None:
        acts.note("review taken back", result=result.id)
    return page("review-card.html", **_shown(result, _queue()))


def _next(queue: str, after: str = "", undo: str = "") -> dict[str, object]:
    found, whole = within(lambda: list(islice(_waiting(queue, after), 1)))
    shown: dict[str, object] = {"result": None, "queue": queue, "whole": whole}
    return (_shown(found[0], queue) if found and whole else shown) | {"undo": undo}


def _waiting(queue: str, after: str) -> Iterator[StoredResult]:
    """Those of a queue that this person has said nothing of."""
    wanted, sort = QUEUES[queue]
    place: After | None = None
    if queue == "random":
        start = f"res_{secrets.token_hex(16)}"
        place = (start, start)
    elif after:
        place = sorted_by(find(after), sort)
    for one in islice(_from(wanted, sort, place), TRIES):
        known = _reviews().get(one.id) if queue == "second" else None
        mine = known is not None and any(opinion.by == _me() for opinion in known.opinions)
        if one.id != after and not mine:
            yield one


def _from(wanted: Filter, sort: Sort, place: After | None) -> Iterator[StoredResult]:
    """Then from the beginning on, for a sample that began in the middle."""
    for begin in (place, None):
        last = begin
        while found := services().results.search_results(wanted, sort, STEP, last):
            yield from found
            last = sorted_by(found[-1], sort)
        if sort != "id":
            return


def _shown(result: StoredResult, queue: str) -> dict[str, object]:
    whole = services().results.find_by_id(result.id) or result
    try:
        analysis = from_record(whole.analysis)
    except UnreadableRecord:  # as those of another source are
        analysis = None
    picture = preview_of(whole.image, analysis) if whole.image else None
    return {"result": row(whole), "picture": picture, "queue": queue}


def _queue() -> str:
    given = request.values.get("queue", "threshold")
    return given if given in QUEUES and given in get_args(Source) else "threshold"


def _groups(everything: list[Review], sampled: list[Review]) -> list[tuple[str, list[Review]]]:
    return [("sampled", sampled), ("everything", everything)]


def _reviews() -> Reviews:
    return Reviews(services().store, services().results)


def _me() -> str:
    return guard.seat().person.name
