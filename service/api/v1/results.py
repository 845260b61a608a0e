"""`GET /v1/results`: what was judged before, for the licence that asked."""

from __future__ import annotations

from collections.abc import Sequence

import structlog
from flask import Blueprint, Response, request
from pydantic import BaseModel

from service.analysis.records import UnreadableRecord
from service.api.http.body import checked
from service.api.http.context import request_id, services
from service.api.http.licensed import reader
from service.api.http.paging import RESULT_ID, Paging, cursor, place
from service.api.http.reply import json_reply
from service.api.http.signed import note_kept
from service.api.v1.render import kept
from service.api.v1.schemas import (
    Kept,
    RecordingResultAnswer,
    ResultAnswer,
    ResultPage,
    VideoResultAnswer,
)
from service.errors import ResultNotFound
from service.store.base import StoredResult

blueprint = Blueprint("results", __name__)
log = structlog.get_logger()
ANSWERS: dict[str, type[BaseModel]] = {
    "image": ResultAnswer,
    "video": VideoResultAnswer,
    "audio": RecordingResultAnswer,
}


@blueprint.get("/v1/results/<result_id>")
def result(result_id: str) -> Response:
    """One kept result."""
    grant = reader()
    # What cannot be an id of ours never reaches a store.
    if not RESULT_ID.fullmatch(result_id):
        raise ResultNotFound
    found = services().store.get_result(grant.licence.digest, result_id)
    if found is None:
        raise ResultNotFound
    if not (readable := _readable([found])):
        raise ResultNotFound
    note_kept(found.sha256, found.analysis)
    answer = readable[0].model_dump() | {"request_id": request_id()}
    return json_reply(ANSWERS[readable[0].kind].model_validate(answer))


@blueprint.get("/v1/results")
def results() -> Response:
    """One page of kept results, newest first."""
    grant = reader()
    page = checked(Paging, request.args.to_dict(), strict=False)
    before = place(page.cursor) if page.cursor else None
    # One more than asked for tells whether there is a next page.
    found = services().store.list_results(grant.licence.digest, page.limit + 1, before)
    shown = found[: page.limit]
    after = cursor(shown[-1]) if len(found) > page.limit else None
    return json_reply(ResultPage(request_id=request_id(), results=_readable(shown), next=after))


def _readable(found: Sequence[StoredResult]) -> list[Kept]:
    """The results that can be shown; one that a later release kept is logged and left out."""
    shown = []
    for one in found:
        try:
            shown.append(kept(one))
        except UnreadableRecord as error:
            log.warning("kept result unreadable", id=one.id, reason=str(error))
    return shown
