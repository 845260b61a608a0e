"""`GET /v1/results`: what was judged before, for the licence that asked."""

from __future__ import annotations

from typing import Annotated

from flask import Blueprint, Response, request
from pydantic import BaseModel, Field

from service.api.http.body import checked
from service.api.http.context import request_id, services
from service.api.http.licensed import reader
from service.api.http.paging import RESULT_ID, cursor, place
from service.api.http.reply import json_reply
from service.api.v1.render import kept
from service.api.v1.schemas import ResultAnswer, ResultPage
from service.errors import ResultNotFound

blueprint = Blueprint("results", __name__)


class Paging(BaseModel):
    """Which page of one's results."""

    limit: Annotated[int, Field(ge=1, le=100, description="most results on a page")] = 20
    cursor: Annotated[str, Field(description="`next` of the page before")] = ""


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
    answer = kept(found).model_dump() | {"request_id": request_id()}
    return json_reply(ResultAnswer.model_validate(answer))


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
    answer = ResultPage(request_id=request_id(), results=[kept(one) for one in shown], next=after)
    return json_reply(answer)
