"""An `Analysis` as our own routes show it: numbers rounded, but never across a decision line."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from flask import g

from service.analysis.judgement import ANALYSIS, Analysis, ImageAnalysis, VideoAnalysis
from service.analysis.records import UnreadableRecord, from_record
from service.api.http.context import request_id
from service.api.v1 import schemas
from service.api.v1.schemas import AnalyzeAnswer, Kept, KeptResult, RecordingAnswer, VideoAnswer
from service.judging.judge import Judged
from service.store.base import StoredResult
from service.store.jobs import StoredJob

FINE = frozenset({"probability", "score", "threshold", "bpcer"})


Answered = AnalyzeAnswer | VideoAnswer | RecordingAnswer
ANSWERS: dict[str, type[Answered]] = {
    "image": AnalyzeAnswer,
    "video": VideoAnswer,
    "audio": RecordingAnswer,
}
KEPT: dict[str, type[Kept]] = {
    "image": KeptResult,
    "video": schemas.KeptVideo,
    "audio": schemas.KeptRecording,
}


def analyzed(judged: Judged) -> AnalyzeAnswer:
    """One judgement of an image, just made or recalled."""
    answer = answered(judged)
    assert isinstance(answer, AnalyzeAnswer)
    return answer


def answered(judged: Judged) -> Answered:
    """One judgement of a medium of any kind, just made or recalled."""
    body = _judgement(judged.id, judged.analysis) | {
        "request_id": request_id(),
        "cached": judged.cached,
        "stored": judged.stored,
        "elapsed_ms": elapsed_ms(),
        "heat_map": getattr(judged.analysis, "heat_map", None),
    }
    return ANSWERS[judged.analysis.kind].model_validate(body)


def kept(result: StoredResult) -> Kept:
    """One judgement out of the store. Raises UnreadableRecord."""
    return _kept(result.id, from_record(result.analysis), result.created_at)


def _kept(result_id: str, analysis: Analysis, created_at: float) -> Kept:
    body = _judgement(result_id, analysis) | {"created_at": iso(created_at)}
    return KEPT[analysis.kind].model_validate(body)


def shown_job(job: StoredJob) -> schemas.Job:
    """A job as its owner sees it."""
    finished = job.finished_at
    return schemas.Job(
        id=job.id,
        state=job.state,
        progress=round(job.progress, 3),
        created_at=iso(job.created_at),
        finished_at=None if finished is None else iso(finished),
        expires_at=iso(job.expires_at),
        medium=schemas.JobMedium(kind=job.media, size=job.size, sha256=job.sha256),
        callback=job.callback,
        status_url=f"/v1/jobs/{job.id}",
        result=_found(job),
        error=job.sentence,
        code=job.code,
    )


def job_event(job: StoredJob) -> dict[str, object]:
    """What a callback address is sent."""
    return {
        "type": f"job.{job.state}",
        "timestamp": iso(job.finished_at or job.created_at),
        "data": shown_job(job).model_dump(mode="json", exclude_none=True),
    }


def _found(job: StoredJob) -> Kept | None:
    if job.analysis is None or job.finished_at is None:
        return None
    try:
        return _kept(job.result_id or "", from_record(job.analysis), job.finished_at)
    except UnreadableRecord:  # a later release judged it
        return None


def thousandths(score: float, fake: bool) -> float:
    """Rounded, but never across the decision line: a client may compare with 0.5 itself."""
    rounded = round(score, 3)
    return max(rounded, 0.5) if fake else min(rounded, 0.499)


def elapsed_ms() -> float:
    """Milliseconds since this request came in."""
    return round((time.perf_counter() - float(g.started)) * 1000, 1)


def iso(seconds: float) -> str:
    """Seconds since the epoch as ISO 8601, UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def _judgement(result_id: str, analysis: Analysis) -> dict[str, Any]:
    fake = analysis.is_attack
    raw = ANALYSIS.dump_python(analysis, mode="json")
    body: dict[str, Any] = _rounded(raw)
    return body | {
        "id": result_id,
        "is_deepfake": fake,
        "score": _beside(analysis.score, 0.5, fake),
        "probability": _beside(analysis.probability, analysis.threshold, fake),
        "findings": [_finding(one) for one in raw["findings"]],
        "models": raw["findings"][0]["detectors"],
        "timings_ms": body["timings"],
        **_of_kind(analysis, body),
    }


def _of_kind(analysis: Analysis, body: dict[str, Any]) -> dict[str, Any]:
    if isinstance(analysis, ImageAnalysis):
        decisive = body["faces"][analysis.counted]
        return {"face": decisive["box"], "quality": decisive["quality"]}
    if isinstance(analysis, VideoAnalysis):
        heard = [_finding(one) for one in body["findings"] if one["task"] == "voice_spoof"]
        return {"faces_found": analysis.faces_found, "sound": heard[0] if heard else None}
    return {}


def _finding(raw: dict[str, Any]) -> dict[str, Any]:
    attack = raw["decision"] == "attack"
    return _rounded(raw) | {  # type: ignore[no-any-return]
        "score": _beside(raw["score"], 0.5, attack),
        "probability": _beside(raw["probability"], raw["threshold"], attack),
    }


def _rounded(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _rounded(one, key) for key, one in value.items()}
    if isinstance(value, list):
        return [_rounded(one, name) for one in value]
    if isinstance(value, float):
        return round(value, 6 if name in FINE else 2 if abs(value) >= 1 else 4)
    return value


def _beside(value: float, line: float, above: bool) -> float:
    """Rounded; what lies below the line stays below, since a client may compare for itself."""
    rounded, line = round(value, 6), round(line, 6)
    return rounded if above or rounded < line else round(line - 1e-6, 6)
