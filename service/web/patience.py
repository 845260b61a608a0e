"""What a store that is too slow has found until then: a page shows it, and that it is not all."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from service.errors import StoreTooSlow

Found = TypeVar("Found")


def within(call: Callable[[], list[Found]]) -> tuple[list[Found], bool]:
    """What was found, and whether everything was looked through."""
    try:
        return call(), True
    except StoreTooSlow as error:
        return list(error.found), False


def some(call: Callable[[], list[Found]]) -> list[Found]:
    """What was found, for a loop over everything that goes on from there.

    Raises StoreTooSlow where there is nothing to go on from: ending there would look like the end.
    """
    found, whole = within(call)
    if not found and not whole:
        raise StoreTooSlow
    return found
