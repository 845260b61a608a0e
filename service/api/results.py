"""`GET /v1/results`: what was judged before, for the licence that asked."""

from __future__ import annotations

import binascii
import math
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Annotated

import orjson
from flask import Blueprint, Response, request
from pydantic import BaseModel, Field

from service.api.body import checked
from service.api.context import request_id, services
from service.api.licensed import reader
from service.api.render import kept
from service.api.reply import json_reply
from service.api.schemas import ResultAnswer, ResultPage
from service.errors import RequestError, ResultNotFound
from service.store.base import StoredResult

blueprint = Blueprint("results", __name__)
RESULT_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
Place = tuple[float, str]  # created_at and id of the last result of a page


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
    before = _place(page.cursor) if page.cursor else None
    # One more than asked for tells whether there is a next page.
    found = services().store.list_results(grant.licence.digest, page.limit + 1, before)
    shown = found[: page.limit]
    after = _cursor(shown[-1]) if len(found) > page.limit else None
    answer = ResultPage(request_id=request_id(), results=[kept(one) for one in shown], next=after)
    return json_reply(answer)


def _cursor(last: StoredResult) -> str:
    return urlsafe_b64encode(orjson.dumps([last.created_at, last.id])).decode().rstrip("=")


def _place(cursor: str) -> Place:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        created_at, result_id = orjson.loads(urlsafe_b64decode(padded))
        if RESULT_ID.fullmatch(result_id) and math.isfinite(created_at):
            return float(created_at), result_id
    except (binascii.Error, ValueError, TypeError, OverflowError):
        pass
    raise RequestError("The field cursor is wrong: it is not one that this service gave.")
