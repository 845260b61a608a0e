"""The place of a row in a listing, as a part of an address."""

from __future__ import annotations

import binascii
import math
from base64 import urlsafe_b64decode, urlsafe_b64encode

import orjson

from service.api.http.paging import RESULT_ID
from service.errors import RequestError
from service.store.search import After


def packed(place: After) -> str:
    """As text."""
    return urlsafe_b64encode(orjson.dumps(place)).decode().rstrip("=")


def unpacked(text: str) -> After:
    """Raises RequestError for what `packed` did not make."""
    try:
        value, row = orjson.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        if RESULT_ID.fullmatch(row) and math.isfinite(value):  # no page is sorted by id
            return value, row
    except (binascii.Error, ValueError, TypeError, OverflowError):
        pass
    raise RequestError("The field after is wrong: it is not one that this page gave.")
