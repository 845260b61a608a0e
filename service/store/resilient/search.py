"""Looking through results behind the circuit breaker."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from service.store.search import After, Filter, Label, Point, Search, Sort

if TYPE_CHECKING:
    from service.store.base import StoredResult


class ResilientSearch:
    """See `Search`."""

    def _reach(self, operation: str) -> AbstractContextManager[Search]:
        raise NotImplementedError

    def search_results(
        self, wanted: Filter, sort: Sort, limit: int, after: After | None = None
    ) -> list[StoredResult]:
        with self._reach("search_results") as primary:
            return primary.search_results(wanted, sort, limit, after)

    def result_points(self, wanted: Filter, limit: int) -> list[Point]:
        with self._reach("result_points") as primary:
            return primary.result_points(wanted, limit)

    def find_by_id(self, result_id: str) -> StoredResult | None:
        with self._reach("find_by_id") as primary:
            return primary.find_by_id(result_id)

    def image_sizes(self, ids: Sequence[str]) -> dict[str, int]:
        with self._reach("image_sizes") as primary:
            return primary.image_sizes(ids)

    def label_result(self, result_id: str, label: Label | None) -> bool:
        with self._reach("label_result") as primary:
            return primary.label_result(result_id, label)

    def drop_image(self, result_id: str) -> bool:
        with self._reach("drop_image") as primary:
            return primary.drop_image(result_id)
