"""Forgetting media in SQLite: freed pages are overwritten, the write-ahead log is emptied."""

from __future__ import annotations

from service.store.forgetting import Gone, Selection
from service.store.sqlite.database import Database

STEP = 500  # rows a transaction, so that no request is held up
# Where each table has what it is asked by; whatever is kept about media has a line here.
TABLES = {
    "results": {"sha256": "sha256", "licence": "licence", "before": "created_at"},
    "jobs": {
        "sha256": "json_extract(document, '$.sha256')",
        "licence": "owner",
        "before": "created_at",
    },
    "history": {
        "sha256": "json_extract(document, '$.answer.sha256')",
        "licence": "json_extract(document, '$.answer.licence')",
        "before": "created_at",
    },
    "pictures": {"sha256": "sha256", "licence": "licence", "before": "created_at"},
    # Reviews; no other record of the console says of which result it is.
    "records": {
        "sha256": "json_extract(document, '$.document.sha256')",
        "licence": "json_extract(document, '$.document.licence')",
        "before": "json_extract(document, '$.document.made_at')",
    },
}


class SqliteForgetting:
    """See `Forgetting`."""

    _database: Database

    def drop_medium(self, job_id: str) -> None:
        raise NotImplementedError

    def forget(self, meant: Selection) -> Gone:
        given = meant.given()
        gone = {table: self._forget(table, given) for table in TABLES}
        for job in gone["jobs"]:
            self.drop_medium(job)
        self._database.empty_log()
        return {table: len(ids) for table, ids in gone.items()}

    def _forget(self, table: str, given: dict[str, object]) -> list[str]:
        """The ids of what went."""
        where = condition(TABLES[table], given)
        chosen = f"SELECT id FROM {table} WHERE {where} LIMIT {STEP}"  # noqa: S608
        statement = f"DELETE FROM {table} WHERE id IN ({chosen}) RETURNING id"  # noqa: S608
        gone: list[str] = []
        while True:
            with self._database.transaction() as db:
                step = [row[0] for row in db.execute(statement, tuple(given.values()))]
            gone += step
            if len(step) < STEP:
                return gone


def condition(columns: dict[str, str], given: dict[str, object]) -> str:
    """The condition in SQL, with a place for each value."""
    return " AND ".join(f"{columns[name]} {'<' if name == 'before' else '='} ?" for name in given)
