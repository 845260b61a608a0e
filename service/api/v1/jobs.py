"""`/v1/jobs`: media that are judged later, with their end told by status or callback."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO

from flask import Blueprint, Response, request

from service.api.http.body import FORM, JSON, allow, checked, expect, form, one_upload, read_json
from service.api.http.context import request_id, services
from service.api.http.licensed import key_in_headers, licensed, reader
from service.api.http.paging import RESULT_ID
from service.api.http.reply import json_reply
from service.api.http.signed import note_kept
from service.api.v1.render import shown_job
from service.api.v1.requests import JobBody
from service.api.v1.schemas import CallbackSecret, JobAnswer, JobWithdrawn
from service.errors import JobNotFound
from service.media.datauri import decode_image_text
from service.media.medium import Medium
from service.store.jobs import StoredJob

blueprint = Blueprint("jobs", __name__)
ASK_AGAIN = "2"  # seconds


@dataclass(frozen=True)
class JobCall:
    """A request for a job, however it was sent."""

    hash_id: str | None
    medium: Medium
    callback_url: str | None


@blueprint.post("/v1/jobs")
def submit() -> Response:
    """Take a medium in, to be judged soon."""
    call = _call()
    with licensed(call.hash_id) as grant:
        job = services().jobs.submit(
            call.medium,
            owner=grant.licence.digest,
            callback_url=call.callback_url,
            counters=grant.counters,
        )
    answer = _shown(job, 202)
    answer.headers["Location"] = f"/v1/jobs/{job.id}"
    return answer


@blueprint.get("/v1/jobs/<job_id>")
def job(job_id: str) -> Response:
    """How far a job is, and what was found."""
    owner = reader().licence.digest
    return _shown(services().jobs.find(owner, _checked(job_id)))


@blueprint.delete("/v1/jobs/<job_id>")
def withdraw(job_id: str) -> Response:
    """Forget a job and its medium; one that is not judged yet costs nothing."""
    services().jobs.withdraw(reader().licence.digest, _checked(job_id))
    return json_reply(JobWithdrawn(request_id=request_id(), id=job_id))


@blueprint.get("/v1/callback-secret")
def callback_secret() -> Response:
    """What the callbacks to this licence's holder are signed with."""
    secret = services().secrets.of(reader().licence.digest)
    return json_reply(CallbackSecret(request_id=request_id(), secret=secret))


def _call() -> JobCall:
    expect(JSON, FORM)
    return _form_call() if request.mimetype == FORM else _json_call()


def _json_call() -> JobCall:
    body = checked(JobBody, read_json())
    most = services().settings.max_body_bytes
    medium = Medium.of(decode_image_text(body.media, max_bytes=most))
    return JobCall(body.hash_id, medium, body.callback_url)


def _form_call() -> JobCall:
    """The call of a form; strangers may send no more than on other routes."""
    most = services().settings.max_job_bytes
    if key_in_headers():
        reader()
        allow(most)
    fields, files = form()
    upload = one_upload(files, "media")
    if upload is None:
        text = checked(JobBody, fields.to_dict(), strict=False)
        data = decode_image_text(text.media, max_bytes=services().settings.max_body_bytes)
        medium = Medium.receive(BytesIO(data), most)
    else:
        medium = Medium.receive(upload.stream, most, upload.filename or "")
    return JobCall(fields.get("hash_id"), medium, fields.get("callback_url") or None)


def _shown(found: StoredJob, status: int = 200) -> Response:
    body = JobAnswer(request_id=request_id(), **shown_job(found).model_dump())
    note_kept(found.sha256, found.analysis)
    answer = json_reply(body, status)
    if found.stage == "judging":
        answer.headers["Retry-After"] = ASK_AGAIN
    return answer


def _checked(job_id: str) -> str:
    """What cannot be an id of ours never reaches a store. Raises JobNotFound."""
    if not RESULT_ID.fullmatch(job_id):
        raise JobNotFound
    return job_id
