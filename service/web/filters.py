"""Which results a page or an export is of: from the address, and back into one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast, get_args
from urllib.parse import urlencode

from service.errors import Reason, RequestError
from service.store.search import LABELS, ORDERS, After, Filter, Sort
from service.web.links import packed, unpacked

DECISIONS = ("bona_fide", "deepfake", "presentation_attack")
FIELDS = ("since", "until", "decision", "least", "most", "reason", "licence", "contract", "label")
CHOICES: dict[str, tuple[str, ...]] = {
    "decision": DECISIONS,
    "reason": tuple(Reason),
    "label": ("any", "none", *LABELS),
}
FLAGS = ("warned", "image")
SORTS = tuple(name for name in ORDERS if name != "id")


def read_filter(given: Mapping[str, str]) -> Filter:
    """What the fields of the form say. Raises RequestError, which names the field."""
    fields: dict[str, Any] = {}
    for name in FIELDS:
        if text := given.get(name, "").strip()[:200]:
            fields[name] = _read(name, text)
    fields |= {name: True for name in FLAGS if given.get(name)}
    return Filter(**fields)


def read_sort(given: Mapping[str, str]) -> Sort:
    """What the listing is sorted by."""
    found = given.get("sort", "")
    return cast(Sort, found) if found in get_args(Sort) else "newest"


def read_after(given: Mapping[str, str]) -> After | None:
    """The row that the page begins after. Raises RequestError."""
    text = given.get("after", "")
    return unpacked(text) if text else None


def address(given: Mapping[str, str], **changes: str) -> str:
    """The query of the same filter, with changes."""
    known = {name: given[name] for name in (*FIELDS, *FLAGS, "sort") if given.get(name)}
    return urlencode(known | changes)


def next_page(given: Mapping[str, str], last: After) -> str:
    """The query of the page after this one."""
    return address(given, after=packed(last))


def _read(name: str, text: str) -> str | float:
    if name in ("since", "until"):
        return _moment(name, text)
    if name in ("least", "most"):
        return _number(name, text)
    if text not in CHOICES.get(name, (text,)):
        raise RequestError(f"The field {name} is wrong: it is none of those that can be chosen.")
    return text


def _moment(name: str, text: str) -> float:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()
    except (ValueError, OverflowError):
        raise RequestError(f"The field {name} is wrong: it is no date and time.") from None


def _number(name: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number <= 1:
        raise RequestError(f"The field {name} is wrong: it is no number from 0 to 1.")
    return number
