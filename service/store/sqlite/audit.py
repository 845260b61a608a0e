"""The audit log in SQLite, where triggers keep a mere mistake from changing it."""

from __future__ import annotations

from collections.abc import Iterator

from service.store.audit import AuditBatch, AuditEntry, AuditHead, rows
from service.store.sqlite.database import Database, Migration

MIGRATION: Migration = (
    "CREATE TABLE audit (chain TEXT NOT NULL, n INTEGER NOT NULL, body TEXT NOT NULL,"
    " mac TEXT NOT NULL, PRIMARY KEY (chain, n)) WITHOUT ROWID",
    "CREATE TABLE audit_heads (chain TEXT PRIMARY KEY, n INTEGER NOT NULL, hash TEXT NOT NULL,"
    " mac TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit"
    " BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END",
    "CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit"
    " BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END",
)
MOVE_ON = (
    "INSERT INTO audit_heads VALUES (?, ?, ?, ?) ON CONFLICT (chain) DO UPDATE"
    " SET n = excluded.n, hash = excluded.hash, mac = excluded.mac WHERE excluded.n > n"
)


class SqliteAudit:
    """See `Audit`."""

    _database: Database

    def append_audit(self, batch: AuditBatch) -> None:
        head = batch.head
        with self._database.transaction() as db:
            insert = "INSERT INTO audit VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
            db.executemany(insert, rows(batch.entries))
            db.execute(MOVE_ON, (head.chain, head.n, head.hash, head.mac))

    def audit_heads(self) -> list[AuditHead]:
        with self._database.connection() as db:
            return [AuditHead(*row) for row in db.execute("SELECT * FROM audit_heads")]

    def read_audit(self) -> Iterator[AuditEntry]:
        with self._database.connection() as db:
            for row in db.execute("SELECT * FROM audit ORDER BY chain, n"):
                yield AuditEntry(*row)
