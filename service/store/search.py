"""Looking through results of all licences, for the console: the part of a store that does it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, Protocol

from pydantic.dataclasses import dataclass

if TYPE_CHECKING:
    from service.store.base import StoredResult

Label = Literal["genuine", "deepfake", "unsure"]
LABELS: tuple[Label, ...] = ("genuine", "deepfake", "unsure")
Sort = Literal["newest", "oldest", "highest", "lowest", "id"]
ORDERS: dict[Sort, tuple[str, bool]] = {
    "newest": ("created_at", False),
    "oldest": ("created_at", True),
    "highest": ("score", False),
    "lowest": ("score", True),
    "id": ("id", True),  # ids are random: a sample, where one begins somewhere
}
PATIENCE = 5.0  # seconds: a person waits longer than a request for judgement may
After = tuple[float | str, str]  # what is sorted by, and the id, of the last row of a page


@dataclass(frozen=True)
class Filter:
    """Which results: every field that is not None must hold. Times in seconds since the epoch.

    least, most: of the score. label: one of LABELS, `any` or `none`. warned: with a warning of
    quality or an advisory finding. image: with the bytes of its image.
    """

    since: float | None = None
    until: float | None = None
    decision: str | None = None
    least: float | None = None
    most: float | None = None
    reason: str | None = None
    licence: str | None = None
    contract: str | None = None
    label: str | None = None
    warned: bool | None = None
    image: bool | None = None


@dataclass(frozen=True)
class Point:
    """What statistics need of a result; `milliseconds`: how long it took in all."""

    id: str
    created_at: float
    decision: str
    score: float
    probability: float
    fingerprint: str
    label: str | None
    milliseconds: float | None


class Search(Protocol):
    """Raises StoreUnavailable as all of a store does, and StoreTooSlow, with what was found, where
    it takes longer than PATIENCE. Only unexpired results are there."""

    def search_results(
        self, wanted: Filter, sort: Sort, limit: int, after: After | None = None
    ) -> list[StoredResult]:
        """One page of results, without the bytes of their images; `after` is the last row of the
        page before."""

    def result_points(self, wanted: Filter, limit: int) -> list[Point]:
        """The newest results, as points."""

    def find_by_id(self, result_id: str) -> StoredResult | None:
        """One result of whichever licence, with the bytes of its image."""

    def image_sizes(self, ids: Sequence[str]) -> dict[str, int]:
        """How many bytes the images of some results have; of those that have one."""

    def label_result(self, result_id: str, label: Label | None) -> bool:
        """Say what people found; answers whether the result is there."""

    def drop_image(self, result_id: str) -> bool:
        """Delete the bytes of an image and leave the result; answers whether there were any."""


def sorted_by(result: StoredResult, sort: Sort) -> After:
    """The place of a result in a listing."""
    name, _ = ORDERS[sort]
    if name == "score":
        return float(result.analysis.get("score", 0.0)), result.id
    return (result.id if name == "id" else result.created_at), result.id
