"""The console's records behind the circuit breaker; nothing of them is set aside."""

from __future__ import annotations

from contextlib import AbstractContextManager

from service.store.records import Place, RecordStore, StoredRecord


class ResilientRecords:
    """See `RecordStore`."""

    def _reach(self, operation: str) -> AbstractContextManager[RecordStore]:
        raise NotImplementedError

    def add_record(self, record: StoredRecord) -> bool:
        with self._reach("add_record") as primary:
            return primary.add_record(record)

    def put_record(self, record: StoredRecord) -> None:
        with self._reach("put_record") as primary:
            primary.put_record(record)

    def get_record(self, shelf: str, record_id: str) -> StoredRecord | None:
        with self._reach("get_record") as primary:
            return primary.get_record(shelf, record_id)

    def list_records(
        self, shelf: str, limit: int, before: Place | None = None
    ) -> list[StoredRecord]:
        with self._reach("list_records") as primary:
            return primary.list_records(shelf, limit, before)

    def delete_record(self, shelf: str, record_id: str) -> bool:
        with self._reach("delete_record") as primary:
            return primary.delete_record(shelf, record_id)
