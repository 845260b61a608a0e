"""Every sentence of the console, out of one file: `texts.toml`, ready for translation."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("texts.toml")


@cache
def texts() -> dict[str, Any]:
    """All of them, by room and name."""
    return tomllib.loads(FILE.read_text(encoding="utf-8"))


def text(key: str, **values: object) -> str:
    """The text `room.name` with its values filled in. Raises KeyError for one that is not there."""
    room, _, name = key.partition(".")
    return str(texts()[room][name]).format(**values)


def text_or(key: str, otherwise: str) -> str:
    """The text, or what is shown where there is none."""
    room, _, name = key.partition(".")
    return str(texts().get(room, {}).get(name, otherwise))
