"""The image text of a request: a data URI or bare base64.

White space and line breaks, the URL-safe alphabet and missing padding are tolerated, because
genuine clients send them, and percent-encoding, which libraries of addresses add. So is any type
in the header, none, or a header without `data:`: what an image is, its content tells.
"""

from __future__ import annotations

from urllib.parse import unquote

import pybase64

from service.errors import BodyTooLarge, ImageError

LONGEST_HEADER = 1024  # characters: it may hold the name of a file, percent-encoded
ENDS = ";base64,"
STANDARD = str.maketrans("-_", "+/", " \t\r\n\f\v")


def decode_image_text(text: str, *, max_bytes: int) -> bytes:
    """The bytes that `text` encodes.

    Raises BodyTooLarge, before anything is decoded, when they could be more than `max_bytes`, and
    ImageError when the text is neither a base64 data URI nor base64.
    """
    if len(text) > _most_characters(max_bytes):
        raise BodyTooLarge
    payload = _payload(text.lstrip())
    try:
        data = _decode(payload)
    except (ValueError, UnicodeError):
        raise ImageError from None
    if len(data) > max_bytes:
        raise BodyTooLarge
    if not data:
        raise ImageError
    return data


def _most_characters(max_bytes: int) -> int:
    """Four characters for three bytes, a line break (CR LF) every 64, and the header."""
    characters = (max_bytes + 2) // 3 * 4
    return characters + characters // 32 + 2 + LONGEST_HEADER


def _payload(text: str) -> str:
    """What follows the header; a comma is in no alphabet of base64, but may be in a file's name."""
    end = text[:LONGEST_HEADER].lower().find(ENDS)
    if end >= 0:
        return text[end + len(ENDS) :]
    comma = text.find(",", 0, LONGEST_HEADER)
    if comma < 0:
        return text
    if "base64" not in _parameters(text[:comma]):
        raise ImageError
    return text[comma + 1 :]


def _parameters(header: str) -> list[str]:
    return [part.strip() for part in header.lower().strip().removeprefix("data:").split(";")]


def _decode(payload: str) -> bytes:
    """The usual clean payload goes straight through; another is cleaned first."""
    try:
        return pybase64.b64decode(payload, validate=True)
    except ValueError:
        clean = unquote(payload).translate(STANDARD).rstrip("=")
        return pybase64.b64decode(clean + "=" * (-len(clean) % 4), validate=True)
