"""The embedded store: one SQLite file, shared by all workers of a host."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import orjson

from service.errors import StoreUnavailable
from service.store.base import LICENCE, LicenceRecord, StoredResult
from service.store.counter import Counter
from service.store.sqlite.accounts import MIGRATION as ACCOUNTS
from service.store.sqlite.accounts import SqliteAccounts
from service.store.sqlite.audit import MIGRATION as AUDIT
from service.store.sqlite.audit import SqliteAudit
from service.store.sqlite.database import Database, Migration
from service.store.sqlite.forgetting import SqliteForgetting
from service.store.sqlite.jobs import MIGRATION as JOBS
from service.store.sqlite.jobs import SqliteJobs
from service.store.sqlite.pictures import MIGRATION as PICTURES
from service.store.sqlite.pictures import SqlitePictures
from service.store.sqlite.records import MIGRATION as RECORDS
from service.store.sqlite.records import SqliteRecords
from service.store.sqlite.search import MIGRATION as SEARCH
from service.store.sqlite.search import SqliteSearch

PURGE_STEP = 500  # rows a transaction, so that a purge never holds up a request
COLUMNS = (
    "id, licence, sha256, fingerprint, created_at, expires_at, analysis, image, contract, label"
)
INSERT_RESULT = (
    f"INSERT INTO results ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
    " ON CONFLICT (id) DO NOTHING"
)

MIGRATIONS: tuple[Migration, ...] = (
    (
        "CREATE TABLE licences (digest TEXT PRIMARY KEY, issued_at REAL NOT NULL,"
        " document TEXT NOT NULL) WITHOUT ROWID",
        "CREATE TABLE counters (key TEXT PRIMARY KEY, used INTEGER NOT NULL,"
        " expires_at REAL NOT NULL) WITHOUT ROWID",
        "CREATE TABLE results (id TEXT PRIMARY KEY, licence TEXT NOT NULL, sha256 TEXT NOT NULL,"
        " fingerprint TEXT NOT NULL, created_at REAL NOT NULL, expires_at REAL NOT NULL,"
        " analysis TEXT NOT NULL, image BLOB)",
    ),
    (
        "CREATE INDEX results_by_input ON results (sha256, fingerprint, created_at)",
        "CREATE INDEX results_by_licence ON results (licence, created_at, id)",
        "CREATE INDEX results_by_expiry ON results (expires_at)",
        "CREATE INDEX counters_by_expiry ON counters (expires_at)",
    ),
    ACCOUNTS,
    JOBS,
    AUDIT,
    PICTURES,
    RECORDS,
    SEARCH,
)


class SqliteStore(
    SqliteAccounts,
    SqliteAudit,
    SqliteJobs,
    SqlitePictures,
    SqliteForgetting,
    SqliteRecords,
    SqliteSearch,
):
    """See `Store`. What it acknowledges is on the disk."""

    kind = "sqlite"

    def __init__(
        self, path: Path, *, busy_timeout: float = 5.0, on_fault: Callable[[], None] = lambda: None
    ) -> None:
        """busy_timeout: seconds to wait for another writer; nothing is opened yet."""
        self._database = Database(path, MIGRATIONS, busy_timeout, on_fault)
        self._media = path.parent / "jobs"

    def ping(self) -> None:
        with self._database.connection() as db:
            db.execute("SELECT 1 FROM licences LIMIT 1").fetchone()
        if self._database.condition.unwritable:
            raise StoreUnavailable

    def close(self) -> None:
        self._database.close()

    def check(self) -> None:
        """Look whether the file is sound and takes writes; never raises."""
        self._database.check()

    def notices(self) -> list[str]:
        """What an operator should know of it, in sentences."""
        return self._database.condition.notices()

    def put_licence(self, licence: LicenceRecord) -> None:
        row = (licence.digest, licence.issued_at, LICENCE.dump_json(licence).decode())
        with self._database.transaction() as db:
            db.execute("INSERT OR REPLACE INTO licences VALUES (?, ?, ?)", row)

    def get_licence(self, digest: str) -> LicenceRecord | None:
        with self._database.connection() as db:
            query = "SELECT document FROM licences WHERE digest = ?"
            row = db.execute(query, (digest,)).fetchone()
            return LICENCE.validate_json(row[0]) if row else None

    def list_licences(self) -> list[LicenceRecord]:
        with self._database.connection() as db:
            rows = db.execute("SELECT document FROM licences ORDER BY issued_at, digest")
            return [LICENCE.validate_json(document) for (document,) in rows]

    def take(self, counters: Sequence[Counter], amount: int = 1) -> bool:
        with self._database.transaction() as db:
            if any(_would_pass(db, counter, amount) for counter in counters):
                return False
            db.executemany(
                "INSERT INTO counters VALUES (?, ?, ?)"
                " ON CONFLICT (key) DO UPDATE SET used = used + excluded.used",
                [(counter.key, amount, counter.expires_at) for counter in counters],
            )
            return True

    def give_back(self, counters: Sequence[Counter], amount: int = 1) -> None:
        with self._database.transaction() as db:
            db.executemany(
                "UPDATE counters SET used = max(used - ?, 0) WHERE key = ?",
                [(amount, counter.key) for counter in counters],
            )

    def usage(self, key: str) -> int:
        with self._database.connection() as db:
            return _used(db, key)

    def advance(self, counter: Counter, value: int) -> int:
        with self._database.transaction() as db:
            statement = (
                "INSERT INTO counters VALUES (?, ?, ?) ON CONFLICT (key)"
                " DO UPDATE SET used = max(used, excluded.used) RETURNING used"
            )
            row = db.execute(statement, (counter.key, value, counter.expires_at)).fetchone()
            return int(row[0])

    def claim(self, key: str, expires_at: float) -> bool:
        with self._database.transaction() as db:
            statement = "INSERT INTO counters VALUES (?, 1, ?) ON CONFLICT (key) DO NOTHING"
            return db.execute(statement, (key, expires_at)).rowcount == 1

    def put_result(self, result: StoredResult) -> None:
        with self._database.transaction() as db:
            db.execute(INSERT_RESULT, _to_row(result))

    def find_result(self, licence: str, sha256: str, fingerprint: str) -> StoredResult | None:
        found = self._select(
            "sha256 = ? AND fingerprint = ? AND licence = ? ORDER BY created_at DESC LIMIT 1",
            *(sha256, fingerprint, licence),
        )
        return found[0] if found else None

    def get_result(self, licence: str, result_id: str) -> StoredResult | None:
        found = self._select("licence = ? AND id = ?", licence, result_id)
        return found[0] if found else None

    def list_results(
        self, licence: str, limit: int, before: tuple[float, str] | None = None
    ) -> list[StoredResult]:
        older = "AND (created_at, id) < (?, ?)" if before else ""
        where = f"licence = ? {older} ORDER BY created_at DESC, id DESC LIMIT ?"
        return self._select(where, licence, *(before or ()), limit)

    def purge(self, now: float) -> int:
        self._delete_expired("counters", "key", now)
        self._delete_expired("history", "id", now)
        self._delete_expired("pictures", "id", now)
        self._purge_jobs(now)
        self._purge_records(now)
        return self._delete_expired("results", "id", now)

    def _select(self, where: str, *values: object) -> list[StoredResult]:
        query = f"SELECT {COLUMNS} FROM results WHERE expires_at > ? AND {where}"  # noqa: S608
        with self._database.connection() as db:
            return [_from_row(row) for row in db.execute(query, (time.time(), *values))]

    def _delete_expired(self, table: str, key: str, now: float) -> int:
        expired = f"SELECT {key} FROM {table} WHERE expires_at <= ? LIMIT {PURGE_STEP}"  # noqa: S608
        gone = 0
        while True:
            with self._database.transaction() as db:
                statement = f"DELETE FROM {table} WHERE {key} IN ({expired})"  # noqa: S608
                step = db.execute(statement, (now,)).rowcount
            gone += step
            if step < PURGE_STEP:
                return gone


def _used(db: sqlite3.Connection, key: str) -> int:
    row = db.execute("SELECT used FROM counters WHERE key = ?", (key,)).fetchone()
    return int(row[0]) if row else 0


def _would_pass(db: sqlite3.Connection, counter: Counter, amount: int) -> bool:
    return counter.limit is not None and _used(db, counter.key) + amount > counter.limit


def _to_row(result: StoredResult) -> tuple[object, ...]:
    return (
        result.id,
        result.licence,
        result.sha256,
        result.fingerprint,
        result.created_at,
        result.expires_at,
        orjson.dumps(result.analysis).decode(),
        result.image,
        result.contract,
        result.label,
    )


def _from_row(row: tuple[Any, ...]) -> StoredResult:
    fields = dict(zip(COLUMNS.split(", "), row, strict=True))
    return StoredResult(**fields | {"analysis": orjson.loads(fields["analysis"])})
