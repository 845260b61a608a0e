"""The console's records in SQLite."""

from __future__ import annotations

import sqlite3
import time

from service.store.records import RECORD, Place, StoredRecord
from service.store.sqlite.database import Database, Migration

MIGRATION: Migration = (
    "CREATE TABLE records (shelf TEXT NOT NULL, id TEXT NOT NULL, created_at REAL NOT NULL,"
    " expires_at REAL NOT NULL, document TEXT NOT NULL, PRIMARY KEY (shelf, id)) WITHOUT ROWID",
    "CREATE INDEX records_by_time ON records (shelf, created_at, id)",
    "CREATE INDEX records_by_expiry ON records (expires_at)",
)
INSERT = "INSERT INTO records VALUES (?, ?, ?, ?, ?) ON CONFLICT (shelf, id)"
REPLACE = (
    f"{INSERT} DO UPDATE SET created_at = excluded.created_at,"
    " expires_at = excluded.expires_at, document = excluded.document"
)
# One that expired is not there, though it is not purged yet.
ADD = f"{REPLACE} WHERE records.expires_at <= ?"


class SqliteRecords:
    """See `RecordStore`."""

    _database: Database

    def add_record(self, record: StoredRecord) -> bool:
        with self._database.transaction() as db:
            return db.execute(ADD, (*_to_row(record), time.time())).rowcount == 1

    def put_record(self, record: StoredRecord) -> None:
        with self._database.transaction() as db:
            db.execute(REPLACE, _to_row(record))

    def get_record(self, shelf: str, record_id: str) -> StoredRecord | None:
        with self._database.connection() as db:
            found = _records(db, "shelf = ? AND id = ?", shelf, record_id)
        return found[0] if found else None

    def list_records(
        self, shelf: str, limit: int, before: Place | None = None
    ) -> list[StoredRecord]:
        older = "AND (created_at, id) < (?, ?)" if before else ""
        where = f"shelf = ? {older} ORDER BY created_at DESC, id DESC LIMIT ?"
        with self._database.connection() as db:
            return _records(db, where, shelf, *(before or ()), limit)

    def delete_record(self, shelf: str, record_id: str) -> bool:
        with self._database.transaction() as db:
            statement = "DELETE FROM records WHERE shelf = ? AND id = ? AND expires_at > ?"
            return db.execute(statement, (shelf, record_id, time.time())).rowcount == 1

    def _purge_records(self, now: float) -> None:
        with self._database.transaction() as db:
            db.execute("DELETE FROM records WHERE expires_at <= ?", (now,))


def _records(db: sqlite3.Connection, where: str, *values: object) -> list[StoredRecord]:
    query = f"SELECT document FROM records WHERE expires_at > ? AND {where}"  # noqa: S608
    rows = db.execute(query, (time.time(), *values))
    return [RECORD.validate_json(document) for (document,) in rows]


def _to_row(record: StoredRecord) -> tuple[object, ...]:
    document = RECORD.dump_json(record).decode()
    return (record.shelf, record.id, record.created_at, record.expires_at, document)
