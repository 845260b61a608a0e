"""Page cursors: the position of the last row that was shown."""

from __future__ import annotations

import binascii
import math
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Annotated, Protocol

import orjson
from pydantic import BaseModel, Field

from service.errors import RequestError

Limit = Annotated[int, Field(ge=1, le=100, description="most results on a page")]
RESULT_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
Place = tuple[float, str]  # created_at and id of the last row of a page


class Paged(Protocol):
    """What a page is made of."""

    @property
    def created_at(self) -> float: ...

    @property
    def id(self) -> str: ...


class Paging(BaseModel):
    """Which page of one's results."""

    limit: Limit = 20
    cursor: Annotated[str, Field(description="`next` of the page before")] = ""


def cursor(last: Paged) -> str:
    """The cursor of the page after this row."""
    return urlsafe_b64encode(orjson.dumps([last.created_at, last.id])).decode().rstrip("=")


def place(given: str) -> Place:
    """The row that a cursor stands for. Raises RequestError."""
    try:
        padded = given + "=" * (-len(given) % 4)
        created_at, row_id = orjson.loads(urlsafe_b64decode(padded))
        if RESULT_ID.fullmatch(row_id) and math.isfinite(created_at):
            return float(created_at), row_id
    except (binascii.Error, ValueError, TypeError, OverflowError):
        pass
    raise RequestError("The field cursor is wrong: it is not one that this service gave.")
