"""`POST /v1/analyze/batch`: many selfies in one call, each with its own outcome."""

from __future__ import annotations

from flask import Blueprint, Response

from service.api.http.context import request_id, services
from service.api.http.errors import ours
from service.api.http.licensed import judge_image, licensed
from service.api.http.reply import json_reply
from service.api.v1.analyze import image_bytes, wanted
from service.api.v1.calls import Item, batch_call
from service.api.v1.render import analyzed, elapsed_ms
from service.api.v1.schemas import BatchAnswer, BatchOutcome
from service.licensing.grant import Grant

blueprint = Blueprint("batch", __name__)


@blueprint.post("/v1/analyze/batch")
def batch() -> Response:
    """Judge many selfies; what fails is given back to the quota."""
    call = batch_call()
    with licensed(call.hash_id, "batch", *wanted(call.explain), amount=len(call.items)) as grant:
        results = [_outcome(n, item, grant, call.explain) for n, item in enumerate(call.items)]
    return json_reply(_answer(results, grant))


def _answer(results: list[BatchOutcome], grant: Grant) -> BatchAnswer:
    failed = sum(one.result is None for one in results)
    if failed:
        services().licensing.refund(grant, failed)
    return BatchAnswer(
        request_id=request_id(),
        results=results,
        judged=len(results) - failed,
        failed=failed,
        elapsed_ms=elapsed_ms(),
    )


def _outcome(index: int, item: Item, grant: Grant, explain: bool) -> BatchOutcome:
    try:
        judged = judge_image(image_bytes(item), grant, explain=explain)
        return BatchOutcome(index=index, id=item.id, result=analyzed(judged))
    except Exception as error:
        known = ours(error)
        return BatchOutcome(index=index, id=item.id, error=known.sentence, code=known.code)
