"""Sign answers: in headers beside the unchanged body, or as the body that `Accept` asks for."""

from __future__ import annotations

import hashlib
import time
from datetime import UTC, datetime
from typing import Any

import orjson
from flask import Flask, Response, g, request

from service import __version__
from service.analysis.judgement import Analysis
from service.analysis.records import Record, UnreadableRecord, from_record
from service.api.http.context import request_id, services
from service.api.http.errors import refused
from service.errors import SigningUnavailable, StartupError
from service.runtime.origin import contract
from service.signing.statement import Statement, canonical, detach, sign

JOSE = "application/jose"
SIGNATURE, STATEMENT = "Facegate-Signature", "Facegate-Statement"
LONGEST = 2048  # bytes of a statement in a header; proxies take no long ones
UNSIGNED = {"health", "openapi", "jwks", "capture"}  # blueprints that answer nothing of weight


def install(app: Flask) -> None:
    """Register the hook on an app."""
    app.after_request(_signed)


def note_judged(analysis: Analysis) -> None:
    """What this request's answer tells of a medium."""
    _note(
        sha256=analysis.sha256,
        decision=analysis.decision,
        model=analysis.fingerprint,
        detectors={one.name: one.version for one in analysis.detectors},
    )


def note_refused(sha256: str, reason: str) -> None:
    """That a medium could not be judged."""
    _note(sha256=sha256, decision="refused", reason=reason)


def note_kept(sha256: str, record: Record | None) -> None:
    """A judgement of an earlier request; None: there is none yet."""
    try:
        if record is not None:
            note_judged(from_record(record))
    except UnreadableRecord:  # nor does the answer tell of it
        _note(sha256=sha256, decision="unreadable")


def note_verdict(verdict: str) -> None:
    """What a contract that decides for itself made of the last judgement."""
    _noted()[-1]["decision"] = verdict


def note_challenge(challenge: str | None) -> None:
    """Which challenge this request was about."""
    g.challenge = challenge


def _note(**facts: object) -> None:
    _noted().append(facts)


def _noted() -> list[dict[str, Any]]:
    if "judged" not in g:
        g.judged = []
    noted: list[dict[str, Any]] = g.judged
    return noted


def _signed(response: Response) -> Response:
    if request.blueprint in UNSIGNED or "json" not in (response.mimetype or ""):
        return response
    attached = _wants_jose()
    if not attached and not services().settings.sign:
        return response
    try:
        return _attached(response) if attached else _detached(response)
    except StartupError:
        return refused(SigningUnavailable())


def _wants_jose() -> bool:
    """Only where it is named: `*/*` means the contract's own form."""
    accepted = dict(request.accept_mimetypes)
    wanted = accepted.get(JOSE, 0)
    return wanted > 0 and wanted >= accepted.get("application/json", 0)


def _detached(response: Response) -> Response:
    """The body stays as it is, and the statement names its hash."""
    body = response.get_data()  # of a stream, all of it
    statement = _statement(response) | {"body_sha256": hashlib.sha256(body).hexdigest()}
    if len(canonical(statement)) > LONGEST:
        statement |= {"judgements": [], "left_out": len(statement["judgements"])}
    signature, payload = detach(sign(statement, services().signing.current()))
    response.headers[SIGNATURE], response.headers[STATEMENT] = signature, payload
    return response


def _attached(response: Response) -> Response:
    """The body is within the statement."""
    body = response.get_data()
    lines = response.mimetype != "application/json"
    answer = [orjson.loads(line) for line in body.splitlines()] if lines else orjson.loads(body)
    statement = _statement(response) | {"answer": answer}
    response.set_data(sign(statement, services().signing.current()))
    response.mimetype = JOSE
    return response


def _statement(response: Response) -> Statement:
    challenge = g.get("challenge")
    return ({} if challenge is None else {"challenge": challenge}) | {
        "at": datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="milliseconds"),
        "contract": contract(),
        "judgements": _noted(),
        "request_id": request_id(),
        "status": response.status_code,
        "versions": {"facegate": __version__},
    }
