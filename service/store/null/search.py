"""No results to look through, where there is no store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from service.store.search import After, Filter, Label, Point, Sort

if TYPE_CHECKING:
    from service.store.base import StoredResult


class NullSearch:
    """See `Search`."""

    def search_results(
        self,
        wanted: Filter,  # noqa: ARG002
        sort: Sort,  # noqa: ARG002
        limit: int,  # noqa: ARG002
        after: After | None = None,  # noqa: ARG002
    ) -> list[StoredResult]:
        return []

    def result_points(self, wanted: Filter, limit: int) -> list[Point]:  # noqa: ARG002
        return []

    def find_by_id(self, result_id: str) -> StoredResult | None:  # noqa: ARG002
        return None

    def image_sizes(self, ids: Sequence[str]) -> dict[str, int]:  # noqa: ARG002
        return {}

    def label_result(self, result_id: str, label: Label | None) -> bool:  # noqa: ARG002
        return False

    def drop_image(self, result_id: str) -> bool:  # noqa: ARG002
        return False
