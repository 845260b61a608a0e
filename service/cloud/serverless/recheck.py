"""Judge recorded detections again with the current model."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import Any

import structlog

from service.cloud.predictor import FINAL, Predictor
from service.cloud.serverless.detections import DONE, FAILED, Detections, decimal, now
from service.errors import CloudError, FacegateError, ObjectArchived, ObjectNotFound
from service.media.address import Address

log = structlog.get_logger()


def recheck(
    detections: Detections, predictor: Predictor, bucket: str, limit: int | None
) -> dict[str, int]:
    """Take pending items through the current model and record both scores.

    Counts `rechecked`, `changed` (the label is another one), `failed` (it cannot be judged) and
    `left` (AWS refused it for now). Raises CloudError when the table cannot be read.
    """
    counts = Counter(rechecked=0, changed=0, failed=0, left=0)
    for item in islice(list(detections.pending()), limit):
        counts.update(_one(detections, predictor, bucket, item))
    return dict(counts)


def _one(
    detections: Detections, predictor: Predictor, bucket: str, item: dict[str, Any]
) -> list[str]:
    """What to count."""
    try:
        changes = _result(predictor, Address(bucket, item["s3_key"]), item)
        settled = detections.settle(item["uuid"], changes)
    except (*FINAL, ObjectNotFound, ObjectArchived) as error:
        return _failed(detections, item, error)
    except CloudError as error:
        log.warning("recheck put off", uuid=item["uuid"], code=error.code)
        return ["left"]
    if not settled:
        return []
    return ["rechecked", "changed"] if changes["recheck_label"] != item["label"] else ["rechecked"]


def _result(predictor: Predictor, address: Address, item: dict[str, Any]) -> dict[str, Any]:
    analysis = predictor.analyze(predictor.load_object(address))
    confidence = float(item["confidence"])
    detectors = analysis.detectors
    return {
        "recheck_status": DONE,
        "previous_score": decimal(confidence if item["label"] == "fake" else 1 - confidence),
        "recheck_score": decimal(analysis.score),
        "recheck_label": "fake" if analysis.is_attack else "real",
        "recheck_model_used": "+".join(one.name for one in detectors),
        "recheck_model_version": "+".join(one.version for one in detectors),
        "recheck_at": now(),
    }


def _failed(detections: Detections, item: dict[str, Any], error: FacegateError) -> list[str]:
    changes = {"recheck_status": FAILED, "recheck_error": error.code, "recheck_at": now()}
    return ["failed"] if detections.settle(item["uuid"], changes) else []
