"""Looking through results in SQLite: what is looked for stands in columns made of the analysis."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import orjson

from service.errors import StoreTooSlow
from service.store.base import StoredResult
from service.store.search import ORDERS, PATIENCE, After, Filter, Label, Point, Sort
from service.store.sqlite.database import Database, Migration


def _virtual(name: str, kind: str) -> str:
    made = f"json_extract(analysis, '$.{name}')"
    return f"ALTER TABLE results ADD COLUMN {name} {kind} GENERATED ALWAYS AS ({made}) VIRTUAL"


MIGRATION: Migration = (
    "ALTER TABLE results ADD COLUMN contract TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE results ADD COLUMN label TEXT",
    _virtual("decision", "TEXT"),
    _virtual("score", "REAL"),
    "CREATE INDEX results_by_time ON results (created_at, id)",
    "CREATE INDEX results_by_score ON results (score, id)",
    "CREATE INDEX results_by_decision ON results (decision, created_at, id)",
    "CREATE INDEX results_by_both ON results (decision, score, id)",
    "CREATE INDEX results_by_label ON results (label, created_at, id) WHERE label IS NOT NULL",
    "CREATE INDEX results_with_image ON results (created_at, id) WHERE image IS NOT NULL",
)
FIELDS = (
    "id, licence, sha256, fingerprint, created_at, expires_at, contract, label, analysis,"
    " CASE WHEN image IS NULL THEN NULL ELSE x'' END AS image"
)
POINT = (
    "id, created_at, decision, score, coalesce(json_extract(analysis, '$.probability'), score),"
    " fingerprint, label, json_extract(analysis, '$.timings.total')"
)
ADVISORY = " OR ".join(
    f"(json_extract(analysis, '$.findings[{n}].advisory')"
    f" AND json_extract(analysis, '$.findings[{n}].decision') = 'attack')"
    for n in range(4)
)
CONDITIONS = {
    "since": "created_at >= ?",
    "until": "created_at < ?",
    "decision": "decision = ?",
    "least": "score >= ?",
    "most": "score <= ?",
    "reason": "EXISTS (SELECT 1 FROM json_each(analysis, '$.reasons') WHERE value = ?)",
    "licence": "licence = ?",
    "contract": "contract = ?",
    "warned": f"coalesce(json_array_length(analysis, '$.reasons') > 0 OR {ADVISORY}, 0) = ?",
    "image": "(image IS NOT NULL) = ?",
}
WITH_IMAGE = "image IS NOT NULL"  # so written, it is found by its index
BY_LABEL = {"any": "label IS NOT NULL", "none": "label IS NULL"}

STEPS = 10_000  # of SQLite's machine between two looks at the clock
Found = TypeVar("Found")


class SqliteSearch:
    """See `Search`."""

    _database: Database

    def search_results(
        self, wanted: Filter, sort: Sort, limit: int, after: After | None = None
    ) -> list[StoredResult]:
        where, values = _where(wanted)
        name, ascending = ORDERS[sort]
        if after is not None:
            where += f" AND ({name}, id) {'>' if ascending else '<'} (?, ?)"
            values = [*values, *after]
        way = "ASC" if ascending else "DESC"
        order = f"ORDER BY {name} {way}, id {way} LIMIT ?"
        query = f"SELECT {FIELDS} FROM results WHERE {where} {order}"  # noqa: S608
        return self._look(query, [*values, limit], lambda row: _from_row(dict(row)))

    def result_points(self, wanted: Filter, limit: int) -> list[Point]:
        where, values = _where(wanted)
        order = "ORDER BY created_at DESC, id DESC LIMIT ?"
        query = f"SELECT {POINT} FROM results WHERE {where} AND decision IS NOT NULL {order}"  # noqa: S608
        return self._look(query, [*values, limit], lambda row: Point(*row))

    def _look(
        self, query: str, values: list[Any], made: Callable[[sqlite3.Row], Found]
    ) -> list[Found]:
        """Raises StoreTooSlow with what was found before the patience ended."""
        found: list[Found] = []
        end = time.monotonic() + PATIENCE
        with self._database.connection() as db:
            cursor = db.cursor()
            cursor.row_factory = sqlite3.Row
            db.set_progress_handler(lambda: time.monotonic() > end, STEPS)
            try:
                found.extend(made(row) for row in cursor.execute(query, values))
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
                    raise StoreTooSlow(found) from error
                raise
            finally:
                db.set_progress_handler(None, 0)
        return found

    def find_by_id(self, result_id: str) -> StoredResult | None:
        query = f"SELECT {FIELDS}, image AS bytes FROM results WHERE id = ? AND expires_at > ?"  # noqa: S608
        with self._database.connection() as db:
            found = list(_rows(db, query, [result_id, time.time()]))
        return _from_row(found[0] | {"image": found[0].pop("bytes")}) if found else None

    def image_sizes(self, ids: Sequence[str]) -> dict[str, int]:
        some = ",".join("?" * len(ids))
        query = f"SELECT id, length(image) FROM results WHERE id IN ({some}) AND {WITH_IMAGE}"  # noqa: S608
        with self._database.connection() as db:
            return dict(db.execute(query, list(ids)))

    def label_result(self, result_id: str, label: Label | None) -> bool:
        with self._database.transaction() as db:
            statement = "UPDATE results SET label = ? WHERE id = ? AND expires_at > ?"
            return db.execute(statement, (label, result_id, time.time())).rowcount == 1

    def drop_image(self, result_id: str) -> bool:
        with self._database.transaction() as db:
            statement = "UPDATE results SET image = NULL WHERE id = ? AND image IS NOT NULL"
            return db.execute(statement, (result_id,)).rowcount == 1


def _where(wanted: Filter) -> tuple[str, list[Any]]:
    # The sign keeps the index of what expires out of it: pages come in another order.
    parts, values = ["+expires_at > ?"], list[Any]([time.time()])
    if wanted.label is not None:
        parts.append(BY_LABEL.get(wanted.label, "label = ?"))
        values += [] if wanted.label in BY_LABEL else [wanted.label]
    for name, condition in CONDITIONS.items():
        value = getattr(wanted, name)
        if name == "image" and value:
            parts.append(WITH_IMAGE)
        elif value is not None:
            parts.append(condition)
            values.append(value)
    return " AND ".join(parts), values


def _rows(db: sqlite3.Connection, query: str, values: list[Any]) -> list[dict[str, Any]]:
    cursor = db.execute(query, values)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]


def _from_row(row: dict[str, Any]) -> StoredResult:
    return StoredResult(**row | {"analysis": orjson.loads(row["analysis"])})
