"""A request for judgement, sent as JSON or as a form: which images, and how."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import request
from werkzeug.datastructures import FileStorage, MultiDict

from service.api.http.body import FORM, JSON, allow, checked, expect, form, read_json
from service.api.http.context import services
from service.api.http.licensed import check_first, key_in_headers, reader
from service.api.v1.requests import MAX_ID, AnalyzeBody, BatchBody, CallOptions, Capture
from service.errors import BodyTooLarge, RequestError
from service.media.medium import Medium

SEVERAL = "The request carries more than one image; POST /v1/analyze/batch judges many."
MEDIA_FIELDS = ("image", "selfie_image", "images", "media")


@dataclass(frozen=True)
class Item:
    """One medium as it came: encoded text (data URI or base64), or an upload."""

    image: str | Medium
    id: str | None = None


@dataclass(frozen=True)
class Call:
    """One request for judgement, however it was sent."""

    hash_id: str | None
    explain: bool
    items: tuple[Item, ...]
    capture: Capture | None = None


def analyze_call() -> Call:
    """One image and its options, from JSON or a form."""
    check_first()
    expect(JSON, FORM)
    if request.mimetype == FORM:
        return _only_one(_form_call())
    body = checked(AnalyzeBody, read_json())
    item = Item(body.image or body.selfie_image)
    return Call(body.hash_id, body.explain, (item,), body.capture)


def _only_one(call: Call) -> Call:
    """Raises RequestError for more: of what is not judged nobody may think that it was."""
    if len(call.items) > 1:
        raise RequestError(SEVERAL)
    return call


def batch_call() -> Call:
    """Many images and their options, from JSON or a form."""
    check_first(feature="batch")
    expect(JSON, FORM)
    if request.mimetype == FORM:
        return _form_call()
    data = read_json()
    _count(data.get("images"))  # before each of them is looked at
    body = checked(BatchBody, data)
    items = tuple(Item(one.image or one.selfie_image, one.id) for one in body.images)
    return Call(body.hash_id, body.explain, items)


def _count(images: object) -> None:
    most = services().settings.max_batch
    if isinstance(images, list) and len(images) > most:
        raise RequestError(f"One call may carry at most {most} images.")


def _form_call() -> Call:
    most = _most()
    fields, files = form()
    said = {name: value for name, value in fields.to_dict().items() if value}
    options = checked(CallOptions, said, strict=False)
    _count(_all(files) + _all(fields))
    uploads = [_upload(file, most) for file in _all(files)]
    items = (*uploads, *(Item(text) for text in _all(fields)))
    if not items:
        raise RequestError("The field image is missing.")
    return Call(options.hash_id, options.explain, items, options.capture)


def _most() -> int:
    """Bytes of an upload. Of strangers nothing is taken that is larger than on other routes."""
    settings = services().settings
    if (request.content_length or 0) <= settings.max_body_bytes or not key_in_headers():
        return settings.max_body_bytes
    reader()
    allow(settings.max_job_bytes)
    return settings.max_job_bytes


def _upload(file: FileStorage, most: int) -> Item:
    medium = Medium.receive(file.stream, most, file.filename or "")
    if medium.kind == "image" and medium.size > services().settings.max_body_bytes:
        raise BodyTooLarge
    return Item(medium, _short(file.filename))


def _short(name: str | None) -> str | None:
    return name[:MAX_ID] if name else None


def _all(fields: MultiDict[str, Any]) -> list[Any]:
    """An empty text says nothing; an upload without a name is false and yet one."""
    return [value for name in MEDIA_FIELDS for value in fields.getlist(name) if value != ""]
