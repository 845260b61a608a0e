"""Small records of the console (people, sessions, reviews): the part of a store that keeps them.

A `shelf` names what kind of record it is; on a shelf, an id is unique.
"""

from __future__ import annotations

from typing import Any, Protocol

from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass

NEVER = 253402300799.0  # an `expires_at` that does not come: the end of the year 9999
Place = tuple[float, str]  # created_at and id of an entry


@dataclass(frozen=True)
class StoredRecord:
    """One record; `document` is ready for JSON."""

    shelf: str
    id: str
    created_at: float
    document: dict[str, Any]
    expires_at: float = NEVER


RECORD = TypeAdapter(StoredRecord)


class RecordStore(Protocol):
    """Raises StoreUnavailable as all of a store does."""

    def add_record(self, record: StoredRecord) -> bool:
        """Whether it was new; one of this id that is there stays as it is."""

    def put_record(self, record: StoredRecord) -> None:
        """Insert or replace."""

    def get_record(self, shelf: str, record_id: str) -> StoredRecord | None:
        """One unexpired record."""

    def list_records(
        self, shelf: str, limit: int, before: Place | None = None
    ) -> list[StoredRecord]:
        """Unexpired records, newest first; `before` is the last one of the page before."""

    def delete_record(self, shelf: str, record_id: str) -> bool:
        """Delete one; answers whether it was there."""
