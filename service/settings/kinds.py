"""The types that settings share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field
from pydantic_settings import NoDecode

PACKAGE = Path(__file__).parents[1]
Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
DAY = 86400.0  # seconds; the sockets of the system count waiting in milliseconds, in 32 bits
CENTURY = 100 * 365 * DAY  # beyond, dates and the clocks of threads come to their end
Seconds = Annotated[float, Field(ge=0.0, le=CENTURY)]
SomeSeconds = Annotated[float, Field(gt=0.0, le=CENTURY)]  # for what must not be over at once
Wait = Annotated[float, Field(ge=0.0, le=DAY)]  # what a connection is waited for
Count = Annotated[int, Field(ge=0)]


def _split(value: object) -> object:
    """A comma list in the environment; anything else as it is."""
    if isinstance(value, str):
        if value.strip().lower() == "none":
            return []
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


COMMA_LIST = (NoDecode, BeforeValidator(_split))
Names = Annotated[tuple[str, ...], *COMMA_LIST]
