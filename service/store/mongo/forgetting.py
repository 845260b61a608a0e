"""Forgetting media in MongoDB."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from pymongo.database import Database

from service.store.forgetting import Gone, Selection

Document = dict[str, Any]
LONG = 60.0  # seconds; what is left then goes when it is asked again
# Where each collection has what it is asked by; whatever is kept about media has a line here.
FIELDS = {
    "results": {"sha256": "sha256", "licence": "licence", "before": "created_at"},
    "jobs": {"sha256": "sha256", "licence": "owner", "before": "created_at"},
    "history": {"sha256": "answer.sha256", "licence": "answer.licence", "before": "created_at"},
    "pictures": {"sha256": "sha256", "licence": "licence", "before": "created_at"},
    # Reviews; no other record of the console says of which result it is.
    "records": {
        "sha256": "document.sha256",
        "licence": "document.licence",
        "before": "document.made_at",
    },
}


class MongoForgetting:
    """See `Forgetting`."""

    def _calls(self, seconds: float | None = None) -> AbstractContextManager[Database[Document]]:
        raise NotImplementedError

    def forget(self, meant: Selection) -> Gone:
        given = meant.given()
        with self._calls(LONG) as db:
            jobs = [job["_id"] for job in db.jobs.find(_query("jobs", given), {"_id": True})]
            db.job_media.delete_many({"job": {"$in": jobs}})
        return {name: self._forget(name, given) for name in FIELDS}

    def _forget(self, name: str, given: Document) -> int:
        with self._calls(LONG) as db:
            return db[name].delete_many(_query(name, given)).deleted_count


def _query(name: str, given: Document) -> Document:
    fields = FIELDS[name]
    return {fields[one]: {"$lt": v} if one == "before" else v for one, v in given.items()}
