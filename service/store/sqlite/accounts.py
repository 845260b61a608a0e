"""Users and their history in SQLite."""

from __future__ import annotations

import sqlite3
import time

from service.store.accounts import ENTRY, USER, HistoryEntry, Place, User
from service.store.sqlite.database import Database, Migration

MIGRATION: Migration = (
    "CREATE TABLE users (name TEXT PRIMARY KEY, document TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE history (id TEXT PRIMARY KEY, user TEXT NOT NULL, created_at REAL NOT NULL,"
    " expires_at REAL NOT NULL, document TEXT NOT NULL)",
    "CREATE INDEX history_by_user ON history (user, created_at, id)",
    "CREATE INDEX history_by_expiry ON history (expires_at)",
)


class SqliteAccounts:
    """See `AccountStore`."""

    _database: Database

    def add_user(self, user: User) -> bool:
        row = (user.name, USER.dump_json(user).decode())
        with self._database.transaction() as db:
            statement = "INSERT INTO users VALUES (?, ?) ON CONFLICT (name) DO NOTHING"
            return db.execute(statement, row).rowcount == 1

    def get_user(self, name: str) -> User | None:
        with self._database.connection() as db:
            row = db.execute("SELECT document FROM users WHERE name = ?", (name,)).fetchone()
            return USER.validate_json(row[0]) if row else None

    def put_user(self, user: User) -> None:
        row = (USER.dump_json(user).decode(), user.name)
        with self._database.transaction() as db:
            db.execute("UPDATE users SET document = ? WHERE name = ?", row)

    def delete_user(self, name: str) -> None:
        with self._database.transaction() as db:
            db.execute("DELETE FROM history WHERE user = ?", (name,))
            db.execute("DELETE FROM users WHERE name = ?", (name,))

    def put_entry(self, entry: HistoryEntry) -> None:
        row = (entry.id, entry.user, entry.created_at, entry.expires_at)
        with self._database.transaction() as db:
            statement = "INSERT INTO history VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING"
            db.execute(statement, (*row, ENTRY.dump_json(entry).decode()))

    def get_entry(self, user: str, entry_id: str) -> HistoryEntry | None:
        with self._database.connection() as db:
            found = _entries(db, "user = ? AND id = ?", user, entry_id)
        return found[0] if found else None

    def list_entries(
        self, user: str, limit: int, before: Place | None = None
    ) -> list[HistoryEntry]:
        older = "AND (created_at, id) < (?, ?)" if before else ""
        where = f"user = ? {older} ORDER BY created_at DESC, id DESC LIMIT ?"
        with self._database.connection() as db:
            return _entries(db, where, user, *(before or ()), limit)

    def delete_entries(self, user: str, entry_id: str | None = None) -> int:
        with self._database.transaction() as db:
            if entry_id is None:
                return db.execute("DELETE FROM history WHERE user = ?", (user,)).rowcount
            statement = "DELETE FROM history WHERE user = ? AND id = ?"
            return db.execute(statement, (user, entry_id)).rowcount


def _entries(db: sqlite3.Connection, where: str, *values: object) -> list[HistoryEntry]:
    query = f"SELECT document FROM history WHERE expires_at > ? AND {where}"  # noqa: S608
    rows = db.execute(query, (time.time(), *values))
    return [ENTRY.validate_json(document) for (document,) in rows]
