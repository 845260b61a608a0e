"""No records of the console, where there is no store."""

from __future__ import annotations

from service.errors import StoreUnavailable
from service.store.records import Place, Record

NEEDED = "The console needs a store, and this service runs without one."


class NullRecords:
    """See `Records`. A session that only one worker knows would be of no use: none can be made."""

    def add_record(self, record: Record) -> bool:  # noqa: ARG002
        raise StoreUnavailable(NEEDED)

    def put_record(self, record: Record) -> None:  # noqa: ARG002
        raise StoreUnavailable(NEEDED)

    def get_record(self, shelf: str, record_id: str) -> Record | None:  # noqa: ARG002
        return None

    def list_records(
        self,
        shelf: str,  # noqa: ARG002
        limit: int,  # noqa: ARG002
        before: Place | None = None,  # noqa: ARG002
    ) -> list[Record]:
        return []

    def delete_record(self, shelf: str, record_id: str) -> bool:  # noqa: ARG002
        return False
