"""Results of all licences: a listing with filters, one result, and the export."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial

from flask import Response, request

from service.analysis.records import UnreadableRecord, from_record
from service.api.http.context import services
from service.api.http.paging import RESULT_ID
from service.api.v1.render import kept
from service.errors import ResultNotFound
from service.judging.reviews import Reviews
from service.store.base import StoredResult
from service.store.search import After, Filter, Search, Sort, sorted_by
from service.web import acts, filters, guard
from service.web.judged import view
from service.web.pages import door, page
from service.web.patience import some, within
from service.web.preview import preview_of
from service.web.rows import csv_lines, row

blueprint = guard.room("results", "viewer", "/results")
door("results.listing", "viewer", "nav.results")
SHOWN, STEP = 50, 500  # results on a page, and read at once for an export


@blueprint.get("/")
def listing() -> str:
    """One page of results."""
    wanted, sort = filters.read_filter(request.args), filters.read_sort(request.args)
    after = filters.read_after(request.args)
    search = services().results.search_results
    found, whole = within(lambda: search(wanted, sort, SHOWN + 1, after))
    shown = found[:SHOWN]
    on = shown and (len(found) > SHOWN or not whole)
    more = filters.next_page(request.args, sorted_by(shown[-1], sort)) if on else None
    return page(
        "results.html",
        rows=[row(one) for one in shown],
        more=more,
        first=filters.address(request.args) if after else None,
        export=filters.address(request.args),
        filtered=wanted != Filter(),
        whole=whole,
        names=licence_names(),
        choices=filters.CHOICES,
        sorts=filters.SORTS,
    )


@blueprint.get("/<result_id>")
def detail(result_id: str) -> str:
    """Everything that is known of one result."""
    result = find(result_id)
    if "item" in result.analysis:
        return _item(result)
    try:
        analysis, raw = from_record(result.analysis), kept(result)
    except UnreadableRecord:
        raise ResultNotFound from None
    shown = view(analysis, preview_of(result.image, analysis) if result.image else None)
    body = raw.model_dump_json(indent=2, exclude_none=True)
    review = _reviews().get(result_id)
    return page(
        "result.html", result=row(result), v=shown, raw=body, names=licence_names(), review=review
    )


def _item(result: StoredResult) -> str:
    """One of the Lambda function's: what its item tells, and its picture."""
    body = json.dumps(result.analysis["item"], indent=2)
    picture = preview_of(result.image) if result.image else None
    names, review = licence_names(), _reviews().get(result.id)
    shown = row(result)
    return page("item.html", result=shown, picture=picture, raw=body, names=names, review=review)


@blueprint.get("/export.csv")
def export() -> Response:
    """Everything that the filter selects, as CSV, streamed."""
    wanted, sort = filters.read_filter(request.args), filters.read_sort(request.args)
    acts.note("results exported", filter=filters.address(request.args))
    lines = csv_lines(_all(services().results, wanted, sort), licence_names())
    name = f"facegate-{datetime.now(UTC):%Y%m%d-%H%M%S}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(_chunks(lines), headers=headers, mimetype="text/csv")


def find(result_id: str) -> StoredResult:
    """A result by its id. Raises ResultNotFound."""
    found = services().results.find_by_id(result_id) if RESULT_ID.fullmatch(result_id) else None
    if found is None:
        raise ResultNotFound("No result with this id is kept.")
    return found


def _reviews() -> Reviews:
    return Reviews(services().store, services().results)


def licence_names() -> dict[str, str]:
    """By digest."""
    return {one.digest: one.name for one in services().store.list_licences()}


def _all(store: Search, wanted: Filter, sort: Sort) -> Iterator[StoredResult]:
    """A page after another, so that a million take no more memory than a page does."""
    after: After | None = None
    while found := some(partial(store.search_results, wanted, sort, STEP, after)):
        yield from found
        after = sorted_by(found[-1], sort)


def _chunks(lines: Iterator[str]) -> Iterator[str]:
    """Not a packet for each line."""
    chunk: list[str] = []
    for line in lines:
        chunk.append(line)
        if len(chunk) == STEP:
            yield "".join(chunk)
            chunk.clear()
    yield "".join(chunk)
