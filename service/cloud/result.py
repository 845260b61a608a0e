"""The result of contract 4: what a predict command prints and a callback gets."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from service.analysis.judgement import Analysis
from service.cloud.aws.s3 import ObjectInfo
from service.errors import FacegateError
from service.media.kinds import Kind

LINE = 0.5  # of a score, unless a message says otherwise


@dataclass(frozen=True)
class Asked:
    """Who asked for what; `message` and `queue_url` only where it came by a queue."""

    request_id: str
    url: str
    threshold: float = LINE
    metadata: dict[str, Any] = field(default_factory=dict)
    queue_url: str | None = None
    message: dict[str, Any] | None = None


@dataclass(frozen=True)
class Source:
    """Where the bytes lay; `info` only of S3 objects, `local_path` only of files that stay."""

    path: str
    kind: Kind
    local_path: str | None = None
    info: ObjectInfo | None = None
    is_s3: bool = False


def judged(asked: Asked, source: Source, analysis: Analysis) -> dict[str, Any]:
    """A result with a label. `confidence` is that in the label, 0..1."""
    fake = analysis.score >= asked.threshold
    return _frame(asked, source) | {
        "label": "FAKE" if fake else "REAL",
        "confidence": round(analysis.score if fake else 1 - analysis.score, 6),
        "prediction_score": round(analysis.score, 6),
        "reasons": [reason.value for reason in analysis.reasons],
        "models": [f"{one.name} {one.version}" for one in analysis.detectors],
        "sha256": analysis.sha256,
        **_warned(analysis),
    }


def _warned(analysis: Analysis) -> dict[str, Any]:
    """What was found besides and did not decide; nothing where nothing was."""
    found = [{"task": one.task, "score": round(one.score, 6)} for one in analysis.warnings]
    return {"warnings": found} if found else {}


def unjudged(asked: Asked, source: Source, error: FacegateError) -> dict[str, Any]:
    """A result without a label, and why."""
    return _frame(asked, source) | {"error_code": error.code, "error": error.sentence}


def _frame(asked: Asked, source: Source) -> dict[str, Any]:
    """Every key of the contract, in its order."""
    return {
        "request_id": asked.request_id,
        "sqs_to_ml_url": asked.url,
        "file_path": source.path,
        "local_path": source.local_path,
        "file_type": source.kind,
        "label": None,
        "confidence": None,
        "prediction_score": None,
        "is_s3_file": source.is_s3,
        "processed_at": datetime.fromtimestamp(time.time(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "queue_url": asked.queue_url,
        "s3_file_info": source.info.as_contract() if source.info else None,
        "original_message": asked.message,
        "metadata": asked.metadata,
        "threshold": asked.threshold,
    }
