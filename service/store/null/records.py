"""No records of the console, where there is no store."""

from __future__ import annotations

from service.errors import StoreUnavailable
from service.store.records import Place, StoredRecord

NEEDED = "The console needs a store, and this service runs without one."


class NullRecords:
    """See `RecordStore`. None can be made: a session that a single worker knows is of no use."""

    def add_record(self, record: StoredRecord) -> bool:  # noqa: ARG002
        raise StoreUnavailable(NEEDED)

    def put_record(self, record: StoredRecord) -> None:  # noqa: ARG002
        raise StoreUnavailable(NEEDED)

    def get_record(self, shelf: str, record_id: str) -> StoredRecord | None:  # noqa: ARG002
        return None

    def list_records(
        self,
        shelf: str,  # noqa: ARG002
        limit: int,  # noqa: ARG002
        before: Place | None = None,  # noqa: ARG002
    ) -> list[StoredRecord]:
        return []

    def delete_record(self, shelf: str, record_id: str) -> bool:  # noqa: ARG002
        return False
