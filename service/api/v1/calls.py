"""A request for judgement, sent as JSON or as a form: which images, and how."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import request
from werkzeug.datastructures import MultiDict

from service.api.http.body import FORM, JSON, checked, expect, form, read_json
from service.api.v1.schemas import MAX_ID, AnalyzeBody, BatchBody, Options
from service.errors import RequestError

IMAGE_FIELDS = ("image", "selfie_image", "images")


@dataclass(frozen=True)
class Item:
    """One image as it came: encoded text (data URI or base64), or the bytes of an upload."""

    image: str | bytes
    id: str | None = None


@dataclass(frozen=True)
class Call:
    """One request for judgement, however it was sent."""

    hash_id: str | None
    explain: bool
    items: tuple[Item, ...]


def analyze_call() -> Call:
    """One image and its options, from JSON or a form."""
    expect(JSON, FORM)
    if request.mimetype == FORM:
        return _form_call()
    body = checked(AnalyzeBody, read_json())
    return Call(body.hash_id, body.explain, (Item(body.image or body.selfie_image),))


def batch_call() -> Call:
    """Many images and their options, from JSON or a form."""
    expect(JSON, FORM)
    if request.mimetype == FORM:
        return _form_call()
    body = checked(BatchBody, read_json())
    items = tuple(Item(one.image or one.selfie_image, one.id) for one in body.images)
    return Call(body.hash_id, body.explain, items)


def _form_call() -> Call:
    fields, files = form()
    options = checked(Options, fields.to_dict(), strict=False)
    uploads = [Item(file.read(), _short(file.filename)) for file in _all(files)]
    items = (*uploads, *(Item(text) for text in _all(fields)))
    if not items:
        raise RequestError("The field image is missing.")
    return Call(options.hash_id, options.explain, items)


def _short(name: str | None) -> str | None:
    return name[:MAX_ID] if name else None


def _all(fields: MultiDict[str, Any]) -> list[Any]:
    return [value for name in IMAGE_FIELDS for value in fields.getlist(name)]
