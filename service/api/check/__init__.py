"""Contract 2: the Sightengine-style check, `GET` and `POST /1.0/check.json`.

A video or recording is judged within the request up to `FACEGATE_SYNC_SECONDS`; a longer one is
taken in as a job where there is a `callback_url`, and answered 202.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from flask import Blueprint, Response, request

from service.analysis.judgement import Task
from service.api.check.envelope import failure, success, taken_in
from service.api.http.body import one_upload, read_form
from service.api.http.context import services
from service.api.http.errors import shaped
from service.api.http.licensed import judge_medium, licensed
from service.errors import LicenceError, MediaTooLong, RequestError
from service.licensing.grant import Grant
from service.media.fetching import MEDIA
from service.media.medium import Medium
from service.store.jobs import StoredJob

blueprint = Blueprint("check", __name__)
MODELS: tuple[Task, ...] = ("deepfake", "presentation_attack")
LONGEST = 8192  # characters of a field; what is fetched has no longer address


@dataclass(frozen=True)
class Check:
    """One request; `media` is an upload, and without one `uri` says where the medium is."""

    models: tuple[Task, ...]
    api_user: str
    api_secret: str
    uri: str
    media: Medium | None
    callback_url: str | None


@blueprint.get("/1.0/check.json")
def check_address() -> Response:
    """Judge the image behind an address."""
    return _answer(_parse(request.args.to_dict()))


@blueprint.post("/1.0/check.json")
def check_upload() -> Response:
    """Judge an upload, or the image behind an address."""
    form, files = read_form()
    fields = request.args.to_dict() | form.to_dict()
    media = one_upload(files, "media")
    if media is None:
        return _answer(_parse(fields))
    name = (media.filename or "media")[:LONGEST]
    medium = Medium.receive(media.stream, services().settings.max_body_bytes, name)
    return _answer(_parse(fields | {"url": name}, medium))


shaped(blueprint, failure, below="/1.0/")


def _parse(fields: dict[str, str], media: Medium | None = None) -> Check:
    names = list(dict.fromkeys(name.strip() for name in _field(fields, "models").split(",")))
    known = _models()
    if unknown := sorted(set(names) - set(known)):
        raise RequestError(
            f"There is no model {unknown[0][:40]!a}; this service knows: {', '.join(known)}."
        )
    models = tuple(known[name] for name in names)
    user, secret = _field(fields, "api_user"), _field(fields, "api_secret")
    callback = _field(fields, "callback_url") if fields.get("callback_url") else None
    return Check(models, user, secret, _field(fields, "url"), media, callback)


def _models() -> dict[str, Task]:
    """The models that can be asked, by name; presentation attacks where they are looked for."""
    off = services().settings.presentation == "off"
    return {name: name for name in MODELS if name == "deepfake" or not off}


def _field(fields: dict[str, str], name: str) -> str:
    value = fields.get(name, "")
    if not value:
        raise RequestError(f"The parameter {name} is missing.")
    if len(value) > LONGEST:
        raise RequestError(f"The parameter {name} is too long.")
    return value


def _answer(check: Check) -> Response:
    operations = len(check.models)
    with licensed(check.api_secret, amount=operations) as grant:
        _is_named(grant, check.api_user)
        # Only now: whoever has no licence cannot make this service call others.
        medium = check.media or Medium.of(
            services().fetcher.fetch(check.uri, MEDIA), name=check.uri
        )
        try:
            judged = judge_medium(medium, grant)
        except MediaTooLong:
            if check.callback_url is None:
                raise
            return taken_in(_later(medium, grant, check.callback_url), operations, check.uri)
    return success(judged.analysis, check.models, check.uri)


def _later(medium: Medium, grant: Grant, callback_url: str) -> StoredJob:
    return services().jobs.submit(
        medium, owner=grant.licence.digest, callback_url=callback_url, counters=grant.counters
    )


def _is_named(grant: Grant, user: str) -> None:
    """Raises LicenceError, the same as for a wrong secret."""
    given, known = (text.encode(errors="replace") for text in (user, grant.licence.name))
    if not hmac.compare_digest(given, known):
        raise LicenceError
