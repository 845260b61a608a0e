"""Images, where they are kept: look at them, judge them again, delete them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime

from flask import Response, request
from werkzeug.wrappers import Response as Plain

from service.api.http.context import services
from service.errors import FacegateError, RequestError, ResultNotFound
from service.media.medium import Medium
from service.store.base import StoredResult
from service.store.search import After, Filter, sorted_by
from service.web import acts, filters, guard
from service.web.pages import done, door, page
from service.web.patience import some, within
from service.web.preview import small_copy
from service.web.rooms.results import find
from service.web.rows import Row, row

blueprint = guard.room("images", "analyst", "/images")
door("images.listing", "analyst", "nav.images")
SHOWN, THUMB, STEP, DAY = 24, 240, 200, 86400.0


@dataclass(frozen=True)
class Again:
    """An image judged once more: the score then and the score now, or why there is none."""

    row: Row
    score: float | None
    decision: str
    error: str = ""


@blueprint.get("/")
def listing() -> str:
    """Kept images, newest first."""
    return _page()


@blueprint.get("/<result_id>.jpg")
def thumbnail(result_id: str) -> Response:
    """A small copy of one, without its metadata."""
    image = find(result_id).image
    small = small_copy(image, THUMB) if image else None
    if small is None:
        raise ResultNotFound("The image of this result is not kept.")
    return Response(small[0], mimetype="image/jpeg")


@blueprint.post("/delete")
def delete() -> Plain:
    """Delete the bytes of the chosen images; their results stay. For administrators."""
    guard.demand("administrator")
    gone = [one for one in request.form.getlist("id")[:STEP] if services().results.drop_image(one)]
    for one in gone:
        acts.note("image deleted", result=one)
    return done("images.listing", "deleted")


@blueprint.post("/delete-older")
def delete_older() -> Plain:
    """Delete the bytes of all images that are older than a day. For administrators."""
    guard.demand("administrator")
    before = _before()
    count, old = 0, Filter(until=before, image=True)
    try:
        while found := some(lambda: services().results.search_results(old, "newest", STEP)):
            count += sum(services().results.drop_image(one.id) for one in found)
    finally:  # what went before a fault is noted, too
        acts.note("images deleted", before=before, count=count)
    return done("images.listing", "deleted")


@blueprint.post("/recheck")
def recheck() -> str:
    """Judge the chosen images with the models of now; both scores are shown."""
    chosen = request.form.getlist("id")[:SHOWN]
    if not chosen:
        raise RequestError("Choose at least one image.")
    acts.note("images judged again", results=chosen)
    return _page(again=[_again(one) for one in chosen])


def _page(**more: object) -> str:
    after: After | None = filters.read_after(request.args)
    search = services().results.search_results
    found, whole = within(lambda: search(Filter(image=True), "newest", SHOWN + 1, after))
    shown = found[:SHOWN]
    on = shown and (len(found) > SHOWN or not whole)
    last = filters.next_page({}, sorted_by(shown[-1], "newest")) if on else None
    settings = services().settings
    return page(
        "images.html",
        rows=[(row(one), _pixels(one)) for one in shown],
        sizes=services().results.image_sizes([one.id for one in shown]),
        more=last,
        whole=whole,
        kept=settings.store_images,
        bucket=settings.console_source != "store",
        days=settings.result_ttl / DAY,
        may_delete=guard.seat().person.may("administrator"),
        **more,
    )


def _pixels(result: StoredResult) -> str:
    """`900 × 1200`, where it was written down."""
    facts = result.analysis.get("image") or {}
    return f"{facts['width']} × {facts['height']}" if {"width", "height"} <= facts.keys() else ""


def _again(result_id: str) -> Again:
    result = find(result_id)
    then = row(result)
    if not result.image:
        return Again(then, None, "", "The image of this result is not kept.")
    try:
        # With a heat map it is judged afresh, whatever is remembered.
        found = services().judge.judge(Medium.of(result.image, "image"), owner=None, explain=True)
    except FacegateError as error:
        return Again(then, None, "", error.sentence)
    return Again(then, found.analysis.score, found.analysis.decision)


def _before() -> float:
    text = request.form.get("before", "")
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise RequestError("The field before is wrong: it is no date.") from None
    return min(day.timestamp(), time.time())
