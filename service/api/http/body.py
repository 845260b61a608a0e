"""Read a request's body within its limits, as JSON or as a multipart form."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import ENOSPC
from io import BytesIO
from tempfile import SpooledTemporaryFile
from typing import IO, Any, TypeVar

import flask
import orjson
from flask import Flask, Response, current_app, request
from gunicorn.http.errors import NoMoreData, ParseException
from pydantic import BaseModel, ValidationError
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge
from werkzeug.formparser import FormDataParser

from service.api.http import weight
from service.api.http.weight import BoundedParser
from service.errors import BodyTooLarge, FacegateError, JobsFull, RequestError, WrongMediaType
from service.media.medium import IN_MEMORY

JSON, FORM = "application/json", "multipart/form-data"
URLENCODED = "application/x-www-form-urlencoded"
NAMES = {JSON: "JSON", FORM: "multipart form data", URLENCODED: "a URL-encoded form"}
CHUNK = 64 * 1024
M = TypeVar("M", bound=BaseModel)


class Request(flask.Request):
    """Uploads stay in memory, where the body limit bounds them, unless a route lets larger ones
    come; `facegate serve` gives those a place in the data folder."""

    spooled = False

    def _get_file_stream(
        self,
        total_content_length: int | None,  # noqa: ARG002
        content_type: str | None,  # noqa: ARG002
        filename: str | None = None,  # noqa: ARG002
        content_length: int | None = None,  # noqa: ARG002
    ) -> IO[bytes]:
        return SpooledTemporaryFile(IN_MEMORY) if self.spooled else BytesIO()

    form_data_parser_class = BoundedParser

    def make_form_data_parser(self) -> FormDataParser:
        """One that raises ValueError at damaged form data, instead of giving an empty form."""
        parser = super().make_form_data_parser()
        parser.silent = False
        return parser


def install(app: Flask, max_bytes: int) -> None:
    """Set the limits of an app. They hold for chunked bodies, too: werkzeug counts as it reads."""
    weight.install()
    app.request_class = Request
    app.config["MAX_CONTENT_LENGTH"] = max_bytes
    # An image may come as text in a form field; the body limit is the limit of that as well.
    app.config["MAX_FORM_MEMORY_SIZE"] = max_bytes
    app.after_request(_drain)


def allow(max_bytes: int) -> None:
    """Let this request be larger than others; its uploads go to the disk."""
    request.max_content_length = max_bytes
    request.spooled = True  # type: ignore[attr-defined]


def read_json() -> dict[str, Any]:
    """The JSON object in the body. Raises RequestError, BodyTooLarge or WrongMediaType."""
    expect(JSON)
    try:
        body = parsed(_raw())
    except orjson.JSONDecodeError:
        raise RequestError("The request body is not valid JSON.") from None
    if not isinstance(body, dict):
        raise RequestError("The request body must be a JSON object.")
    return body


def parsed(data: bytes) -> Any:
    """JSON, which may begin with a byte order mark. Raises RequestError and JSONDecodeError."""
    weight.check_json(data)
    return orjson.loads(data.removeprefix(BOM_UTF8))


def read_raw() -> bytes:
    """The body as it is. Raises RequestError, BodyTooLarge, or WrongMediaType if compressed."""
    _refuse_compressed()
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
    """Fields and uploads of a form. Raises RequestError, BodyTooLarge or WrongMediaType."""
    expect(FORM, URLENCODED)
    return form()


def checked(model: type[M], data: dict[str, Any], *, strict: bool = True) -> M:
    """`data` as a model. Raises RequestError with a sentence that names the first wrong field."""
    try:
        return model.model_validate(data, strict=strict)
    except ValidationError as error:
        raise RequestError(_sentence(error)) from None


def _sentence(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = [str(part) for part in first["loc"]]
    if first["type"] in ("no_image", "two_images"):
        where.append("image")
    field = ".".join(where)
    if first["type"] in ("missing", "no_image"):
        return f"The field {field} is missing."
    return f"The field {field} is wrong: {first['msg']}."


def expect(*types: str) -> None:
    """Raises WrongMediaType unless the body is plain and of one of these types."""
    _refuse_compressed()
    if request.mimetype not in types:
        raise WrongMediaType(f"The request must be {' or '.join(NAMES[one] for one in types)}.")


def _refuse_compressed() -> None:
    encodings = {name.strip().lower() for name in (request.content_encoding or "").split(",")}
    if encodings - {"", "identity"}:
        raise WrongMediaType("The request body must not be compressed.")


@contextmanager
def _reading() -> Iterator[None]:
    """Turns what werkzeug and gunicorn raise at a body into RequestError and BodyTooLarge."""
    try:
        yield
    except RequestEntityTooLarge:
        raise BodyTooLarge from None
    except (ParseException, NoMoreData, ClientDisconnected):
        raise RequestError("The request body is cut short, or its chunks are malformed.") from None
    except OSError as error:
        raise (JobsFull if error.errno == ENOSPC else FacegateError) from error
    except ValueError:
        raise RequestError("The form data is cut short or malformed.") from None


def form() -> tuple[MultiDict[str, str], MultiDict[str, FileStorage]]:
    """Fields and uploads; a browser's field of files in which none was chosen is not among them.

    Raises RequestError or BodyTooLarge.
    """
    if request.mimetype == FORM and not request.mimetype_params.get("boundary"):
        raise RequestError("The boundary is missing in the content type of the form data.")
    with _reading():
        chosen = [one for one in request.files.items(multi=True) if _is_chosen(one[1])]
        return request.form, MultiDict(chosen)


def one_upload(files: MultiDict[str, FileStorage], name: str) -> FileStorage | None:
    """The upload of this name, if there is one. Raises RequestError for several: of one that is not
    judged nobody may think that it was."""
    uploads = files.getlist(name)
    if len(uploads) > 1:
        raise RequestError(f"The field {name} is given more than once.")
    return uploads[0] if uploads else None


def _is_chosen(file: FileStorage) -> bool:
    if file.filename:
        return True
    empty = not file.stream.read(1)
    file.stream.seek(0)
    return not empty


def _raw() -> bytes:
    with _reading():
        body = request.get_data(cache=False)
    # Of a chunked body, werkzeug gives what fits the limit and says nothing of the rest.
    if request.content_length is None and len(body) >= current_app.config["MAX_CONTENT_LENGTH"]:
        raise BodyTooLarge
    return body


def _drain(response: Response) -> Response:
    """Read on, so that the connection can be used again; of a body that is larger than what is
    waited for, the reception reads the rest, and no thread does."""
    environ = request.environ
    most = current_app.config["MAX_CONTENT_LENGTH"]
    if response.status_code < 400 or (request.content_length or 0) > most:
        return response
    # Without that promise of the server, reading on may wait for ever.
    left = 2 * most if environ.get("wsgi.input_terminated") else 0
    with suppress(OSError, ParseException):
        while left > 0 and (chunk := environ["wsgi.input"].read(CHUNK)):
            left -= len(chunk)
    return response
