"""Bodies that cost more to parse than any request is worth are refused before they are parsed."""

from __future__ import annotations

from io import BytesIO
from typing import IO, Any

from werkzeug import formparser
from werkzeug.datastructures import Headers
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser
from werkzeug.sansio.multipart import Event, Field, File, MultipartDecoder, NeedData, State

from service.errors import RequestError

FIELDS = 1000  # of a form
PART_HEAD = 16 * 1024  # bytes before the content of a part
MEDIA_TYPES = ("image/", "video/", "audio/")
VALUES = 20_000  # of a JSON text; neither base64 nor an address has as many commas


class BoundedParser(FormDataParser):
    """Counts fields before it takes them apart; damaged form data raises ValueError."""

    def _parse_urlencoded(
        self, stream: IO[bytes], mimetype: str, content_length: int | None, options: dict[str, str]
    ) -> Any:
        data = stream.read()
        if data.count(b"&") >= FIELDS:
            raise RequestEntityTooLarge
        return super()._parse_urlencoded(BytesIO(data), mimetype, content_length, options)


class BoundedDecoder(MultipartDecoder):
    """Waits for the headers of a part no longer than they are of use; a part whose type is that of
    a medium is an upload, even without the name of a file."""

    def next_event(self) -> Event:
        event = super().next_event()
        waiting = isinstance(event, NeedData) and self.state in (State.PREAMBLE, State.PART)
        if waiting and len(self.buffer) > PART_HEAD:
            raise RequestEntityTooLarge
        if isinstance(event, Field) and _is_medium(event):
            return File(event.name, "", event.headers)
        return event

    def _parse_headers(self, data: bytes | bytearray) -> Headers:
        """Old clients send the name of a file in an encoding of their own."""
        return super()._parse_headers(data.decode(errors="replace").encode())


def _is_medium(part: Field) -> bool:
    return part.headers.get("Content-Type", "").lower().startswith(MEDIA_TYPES)


def install() -> None:
    """Let forms be decoded so from now on: the library leaves no other place for it."""
    vars(formparser)[MultipartDecoder.__name__] = BoundedDecoder


def check_json(data: bytes) -> None:
    """Raises RequestError for a JSON text of more values than any request has."""
    if data.count(b",") > VALUES:
        raise RequestError("The request body has more values than a request may have.")
