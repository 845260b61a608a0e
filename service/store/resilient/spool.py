"""A journal of writes that the store could not take, shared by all workers of a host."""

from __future__ import annotations

import base64
import math
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import orjson
from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass

from service.store.audit import BATCH, AuditBatch
from service.store.base import StoredResult
from service.store.counter import Counter
from service.store.forgetting import Selection
from service.store.sqlite.database import Database, Migration
from service.store.sqlite.forgetting import condition

Kind = Literal["result", "use", "audit"]

MIGRATIONS: tuple[Migration, ...] = (
    (
        "CREATE TABLE entries (number INTEGER PRIMARY KEY AUTOINCREMENT, token TEXT NOT NULL,"
        " kind TEXT NOT NULL, input TEXT, document TEXT NOT NULL,"
        " attempts INTEGER NOT NULL DEFAULT 0, leased_until REAL NOT NULL DEFAULT 0)",
        "CREATE INDEX entries_by_input ON entries (input) WHERE input IS NOT NULL",
    ),
)
SLOWEST = 4  # an entry that a healthy store keeps refusing waits up to 2 ** 4 leases
CLAIM = (
    "UPDATE entries SET leased_until = ? WHERE number IN (SELECT number FROM entries"
    " WHERE leased_until <= ? ORDER BY number LIMIT ?)"
    " RETURNING number, token, kind, document, attempts"
)
PAUSE = 0.02  # seconds between two looks at what is on its way
RESULT_FIELDS = {
    "sha256": "json_extract(document, '$.sha256')",
    "licence": "json_extract(document, '$.licence')",
    "before": "json_extract(document, '$.created_at')",
}


@dataclass(frozen=True)
class Use:
    """Counters to be added to later; a negative amount gives back."""

    counters: tuple[Counter, ...]
    amount: int


@dataclass(frozen=True)
class Entry:
    """One claimed entry; `token` is the same at every attempt to deliver it."""

    number: int
    token: str
    content: StoredResult | Use | AuditBatch
    attempts: int

    @property
    def kind(self) -> Kind:
        if isinstance(self.content, AuditBatch):
            return "audit"
        return "use" if isinstance(self.content, Use) else "result"

    @property
    def is_of_use(self) -> bool:
        """Whether what it holds has not expired yet."""
        if isinstance(self.content, AuditBatch):
            return True
        held = self.content.counters if isinstance(self.content, Use) else [self.content]
        return any(each.expires_at > time.time() for each in held)


USE = TypeAdapter(Use)


class Spool:
    """Durable at once. The file is made by the first entry, so a healthy service needs none."""

    def __init__(self, path: Path, *, busy_timeout: float = 5.0, lease: float = 30.0) -> None:
        """lease: seconds after which an entry claimed by a dead process is free again."""
        self._database = Database(path, MIGRATIONS, busy_timeout)
        self._lease = lease

    def put_result(self, result: StoredResult) -> None:
        self._put("result", _result_to_json(result), f"{result.sha256}/{result.fingerprint}")

    def put_use(self, counters: Sequence[Counter], amount: int) -> None:
        self._put("use", USE.dump_json(Use(tuple(counters), amount)).decode(), None)

    def put_audit(self, batch: AuditBatch) -> None:
        self._put("audit", BATCH.dump_json(batch).decode(), None)

    def find_result(self, licence: str, sha256: str, fingerprint: str) -> StoredResult | None:
        """A licence's newest unexpired waiting result of these bytes by this model version."""
        rows = self._read(
            "SELECT document FROM entries WHERE input = ? ORDER BY number DESC",
            f"{sha256}/{fingerprint}",
        )
        results = (_result_from_json(document) for (document,) in rows)
        own = (result for result in results if result.licence == licence)
        return next((result for result in own if result.expires_at > time.time()), None)

    def forget(self, meant: Selection) -> int:
        """Delete the waiting results that are meant; returns how many.

        One that is on its way is waited for, or it would come to the primary after it was forgotten
        there. Past a lease nobody carries it any more.
        """
        if not self._database.path.exists():
            return 0
        given, free_by = meant.given(), time.time() + self._lease
        where = f"kind = 'result' AND {condition(RESULT_FIELDS, given)}"
        gone, values = 0, tuple(given.values())
        while self._read(f"SELECT 1 FROM entries WHERE {where} LIMIT 1", *values):  # noqa: S608
            now = time.time()
            with self._database.transaction() as db:
                statement = f"DELETE FROM entries WHERE {where} AND leased_until <= ?"  # noqa: S608
                free = now if now < free_by else math.inf
                gone += db.execute(statement, (*values, free)).rowcount
            time.sleep(PAUSE)
        self._database.empty_log()
        return gone

    def pending(self) -> int:
        """How many entries wait to be delivered."""
        rows = self._read("SELECT count(*) FROM entries")
        return int(rows[0][0]) if rows else 0

    def claim(self, limit: int = 20) -> list[Entry]:
        """Oldest entries for this caller alone, until the lease ends or they are done."""
        if self.pending() == 0:
            return []
        now = time.time()
        with self._database.transaction() as db:
            rows = db.execute(CLAIM, (now + self._lease, now, limit)).fetchall()
            return [_to_entry(*row) for row in sorted(rows)]

    def done(self, entry: Entry) -> None:
        """Delivered and acknowledged, or of no use any more."""
        with self._database.transaction() as db:
            db.execute("DELETE FROM entries WHERE number = ?", (entry.number,))

    def release(self, entries: Sequence[Entry]) -> None:
        """Not delivered, for no fault of theirs: free at once."""
        with self._database.transaction() as db:
            db.executemany(
                "UPDATE entries SET leased_until = 0 WHERE number = ?",
                [(entry.number,) for entry in entries],
            )

    def refused(self, entry: Entry) -> None:
        """A store that answers, as one with a full disk: tried again, each time later."""
        wait = self._lease * 2 ** min(entry.attempts, SLOWEST)
        with self._database.transaction() as db:
            db.execute(
                "UPDATE entries SET attempts = attempts + 1, leased_until = ? WHERE number = ?",
                (time.time() + wait, entry.number),
            )

    def close(self) -> None:
        self._database.close()

    def _put(self, kind: Kind, document: str, looked_up_by: str | None) -> None:
        with self._database.transaction() as db:
            db.execute(
                "INSERT INTO entries (token, kind, input, document) VALUES (?, ?, ?, ?)",
                (uuid.uuid4().hex, kind, looked_up_by, document),
            )

    def _read(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        if not self._database.path.exists():
            return []
        with self._database.connection() as db:
            return db.execute(query, values).fetchall()


def _to_entry(number: int, token: str, kind: Kind, document: str, attempts: int) -> Entry:
    return Entry(number, token, READERS[kind](document), attempts)


def _result_to_json(result: StoredResult) -> str:
    fields = {name: getattr(result, name) for name in StoredResult.__dataclass_fields__}
    if result.image is not None:
        fields["image"] = base64.b64encode(result.image).decode()
    return orjson.dumps(fields).decode()


def _result_from_json(document: str) -> StoredResult:
    fields = orjson.loads(document)
    if fields["image"] is not None:
        fields["image"] = base64.b64decode(fields["image"])
    return StoredResult(**fields)


READERS: dict[Kind, Callable[[str], StoredResult | Use | AuditBatch]] = {
    "use": USE.validate_json,
    "audit": BATCH.validate_json,
    "result": _result_from_json,
}
