"""Keep a user's requests, and show them again."""

from __future__ import annotations

import time
import uuid
from typing import Any

import structlog

from service.api.gateway.schemas import FullRecord, Record, Verdict
from service.api.http.context import request_id, services
from service.api.v1.render import iso
from service.errors import StoreUnavailable
from service.licensing.grant import Grant
from service.media.medium import Medium
from service.store.accounts import HistoryEntry, User

log = structlog.get_logger()
LONGEST = 255  # characters of a file's name


def keep(
    user: User | None, answer: Verdict, medium: Medium, grant: Grant, name: str | None = None
) -> None:
    """Into the history of a user who said who it is; a store that is away fails no answer."""
    if user is None:
        return
    now = time.time()
    kept = {
        "request_id": request_id(),
        "media_type": medium.kind,
        "media_name": name[:LONGEST] if name else None,
        "sha256": medium.sha256,  # this and the licence: to be forgotten by
        "licence": grant.licence.digest,
        "full_response": answer.model_dump(mode="json", exclude_none=True),
    }
    expires_at = now + services().settings.result_ttl
    entry = HistoryEntry(f"his_{uuid.uuid4().hex}", user.name, now, expires_at, kept)
    try:
        services().store.put_entry(entry)
    except StoreUnavailable:
        log.warning("history entry lost", request_id=request_id())


def record(entry: HistoryEntry) -> Record:
    """One line of a history."""
    return Record.model_validate(_fields(entry), extra="ignore")


def full_record(entry: HistoryEntry) -> FullRecord:
    """All of it."""
    return FullRecord.model_validate(_fields(entry))


def _fields(entry: HistoryEntry) -> dict[str, Any]:
    response = entry.answer["full_response"]
    return (
        {"media_type": "image"}
        | entry.answer
        | {
            "id": entry.id,
            "verdict": response["verdict"],
            "confidence": response["confidence_in_verdict"],
            "timestamp": iso(entry.created_at),
            "ensemble_method": response["ensemble_method_used"],
        }
    )
