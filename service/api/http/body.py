"""Bytes of a request in, guarded, and as what the routes work with: JSON or multipart form."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from typing import IO, Any, TypeVar

import flask
import orjson
from flask import Flask, Response, current_app, request
from pydantic import BaseModel, ValidationError
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.exceptions import RequestEntityTooLarge

from service.api.v1.schemas import MAX_ID, AnalyzeBody, BatchBody, Options
from service.errors import BodyTooLarge, RequestError, WrongMediaType

JSON, FORM = "application/json", "multipart/form-data"
URLENCODED = "application/x-www-form-urlencoded"
IMAGE_FIELDS = ("image", "selfie_image", "images")
CHUNK = 64 * 1024
DRAINED = 64 * 2**20  # bytes of a refused body that are still read
M = TypeVar("M", bound=BaseModel)


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


class Request(flask.Request):
    """Uploads stay in memory: the body limit bounds them, and /tmp need not be writable."""

    def _get_file_stream(
        self,
        total_content_length: int | None,  # noqa: ARG002
        content_type: str | None,  # noqa: ARG002
        filename: str | None = None,  # noqa: ARG002
        content_length: int | None = None,  # noqa: ARG002
    ) -> IO[bytes]:
        return BytesIO()


def install(app: Flask, max_bytes: int) -> None:
    """Set the limits of an app. They hold for chunked bodies, too: werkzeug counts as it reads."""
    app.request_class = Request
    app.config["MAX_CONTENT_LENGTH"] = max_bytes
    # An image may come as text in a form field; the body limit is the limit of that as well.
    app.config["MAX_FORM_MEMORY_SIZE"] = max_bytes
    app.after_request(_drain)


def read_json() -> dict[str, Any]:
    """The JSON object in the body. Raises RequestError, BodyTooLarge or WrongMediaType."""
    _expect(JSON)
    try:
        body = orjson.loads(_raw())
    except orjson.JSONDecodeError:
        raise RequestError("The request body is not valid JSON.") from None
    if not isinstance(body, dict):
        raise RequestError("The request body must be a JSON object.")
    return body


def read_raw() -> bytes:
    """The body as it is. Raises BodyTooLarge."""
    return _raw()


def text_field(body: dict[str, Any], name: str) -> str:
    """A text that must be there. Raises RequestError, which names the field, never its value."""
    if name not in body:
        raise RequestError(f"The field {name} is missing.")
    value = body[name]
    if not isinstance(value, str):
        raise RequestError(f"The field {name} must be a text.")
    return value


def read_form() -> tuple[MultiDict[str, str], MultiDict[str, FileStorage]]:
    """Fields and uploads of a form. Raises BodyTooLarge or WrongMediaType."""
    _expect(FORM, URLENCODED)
    try:
        return request.form, request.files
    except RequestEntityTooLarge:
        raise BodyTooLarge from None


def analyze_call() -> Call:
    """One image and its options, from JSON or a form."""
    _expect(JSON, FORM)
    if request.mimetype == FORM:
        return _form_call()
    body = checked(AnalyzeBody, read_json())
    return Call(body.hash_id, body.explain, (Item(body.image or body.selfie_image),))


def batch_call() -> Call:
    """Many images and their options, from JSON or a form."""
    _expect(JSON, FORM)
    if request.mimetype == FORM:
        return _form_call()
    body = checked(BatchBody, read_json())
    items = tuple(Item(one.image or one.selfie_image, one.id) for one in body.images)
    return Call(body.hash_id, body.explain, items)


def checked(model: type[M], data: dict[str, Any], *, strict: bool = True) -> M:
    """`data` as a model. Raises RequestError with a sentence that names the first wrong field."""
    try:
        return model.model_validate(data, strict=strict)
    except ValidationError as error:
        raise RequestError(_sentence(error)) from None


def _sentence(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = [str(part) for part in first["loc"]]
    if first["type"] == "no_image":
        where.append("image")
    field = ".".join(where)
    if first["type"] in ("missing", "no_image"):
        return f"The field {field} is missing."
    return f"The field {field} is wrong: {first['msg']}."


def _expect(*types: str) -> None:
    if request.mimetype not in types or request.content_encoding not in (None, "identity"):
        raise WrongMediaType


def _raw() -> bytes:
    try:
        body = request.get_data(cache=False)
    except RequestEntityTooLarge:
        raise BodyTooLarge from None
    # Of a chunked body, werkzeug gives what fits the limit and says nothing of the rest.
    if request.content_length is None and len(body) >= current_app.config["MAX_CONTENT_LENGTH"]:
        raise BodyTooLarge
    return body


def _drain(response: Response) -> Response:
    """Read on, unless it is far too much: who still sends would meet a broken connection instead
    of the refusal, since gunicorn closes on what is left unread."""
    environ = request.environ
    if response.status_code < 400 or (request.content_length or 0) > DRAINED:
        return response
    # Without that promise of the server, reading on may wait for ever.
    left = DRAINED if environ.get("wsgi.input_terminated") else 0
    with suppress(OSError):
        while left > 0 and (chunk := environ["wsgi.input"].read(CHUNK)):
            left -= len(chunk)
    return response


def _form_call() -> Call:
    form, files = read_form()
    options = checked(Options, form.to_dict(), strict=False)
    uploads = [Item(file.read(), _short(file.filename)) for file in _all(files)]
    items = (*uploads, *(Item(text) for text in _all(form)))
    if not items:
        raise RequestError("The field image is missing.")
    return Call(options.hash_id, options.explain, items)


def _short(name: str | None) -> str | None:
    return name[:MAX_ID] if name else None


def _all(fields: MultiDict[str, Any]) -> list[Any]:
    return [value for name in IMAGE_FIELDS for value in fields.getlist(name)]
