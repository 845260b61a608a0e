"""The image text of a request: a data URI or bare base64.

White space and line breaks, the URL-safe alphabet and missing padding are tolerated, because
genuine clients send them.
"""

from __future__ import annotations

import re

import pybase64

from service.errors import BodyTooLarge, ImageError

HEADER = re.compile(r"data:image/[\w.+-]+((?:;[^;,]*)*),", re.IGNORECASE)
LONGEST_HEADER = 256  # characters
STANDARD = str.maketrans("-_", "+/", " \t\r\n\f\v")


def decode_image_text(text: str, *, max_bytes: int) -> bytes:
    """The bytes that `text` encodes.

    Raises BodyTooLarge, before anything is decoded, when they could be more than `max_bytes`, and
    ImageError when the text is neither a base64 data URI of an image nor base64.
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
    if text[:5].lower() != "data:":
        return text
    header = HEADER.match(text, 0, LONGEST_HEADER)
    if header is None or "base64" not in _parameters(header[1]):
        raise ImageError
    return text[header.end() :]


def _parameters(text: str) -> list[str]:
    return [part.strip().lower() for part in text.split(";")]


def _decode(payload: str) -> bytes:
    """The usual clean payload goes straight through; another is cleaned first."""
    try:
        return pybase64.b64decode(payload, validate=True)
    except ValueError:
        clean = payload.translate(STANDARD).rstrip("=")
        return pybase64.b64decode(clean + "=" * (-len(clean) % 4), validate=True)
