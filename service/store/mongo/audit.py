"""The audit log in MongoDB."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict
from typing import Any

from pymongo import ASCENDING, IndexModel
from pymongo.database import Database
from pymongo.errors import BulkWriteError, DuplicateKeyError

from service.store.audit import AuditBatch, AuditEntry, AuditHead

Document = dict[str, Any]
LONG = 3600.0  # seconds for reading all of it
DUPLICATE = 11000  # MongoDB's code
ORDER = [("chain", ASCENDING), ("n", ASCENDING)]
INDEXES = {"audit": [IndexModel(ORDER)]}


class MongoAudit:
    """See `Audit`. The entries go first: a head never tells of one that is not there."""

    def _calls(self, seconds: float | None = None) -> AbstractContextManager[Database[Document]]:
        raise NotImplementedError

    def append_audit(self, batch: AuditBatch) -> None:
        entries = [{"_id": f"{one.chain}/{one.n}", **asdict(one)} for one in batch.entries]
        head = asdict(batch.head)
        with self._calls() as db:
            try:
                db.audit.insert_many(entries, ordered=False)
            except BulkWriteError as error:
                if any(one["code"] != DUPLICATE for one in error.details["writeErrors"]):
                    raise
            query = {"_id": batch.head.chain, "n": {"$lt": batch.head.n}}
            with suppress(DuplicateKeyError):  # a later head is there
                db.audit_heads.update_one(query, {"$set": head}, upsert=True)

    def audit_heads(self) -> list[AuditHead]:
        with self._calls() as db:
            return [AuditHead(**one) for one in db.audit_heads.find({}, {"_id": False})]

    def read_audit(self) -> Iterator[AuditEntry]:
        with self._calls(LONG) as db:
            for one in db.audit.find({}, {"_id": False}).sort(ORDER):
                yield AuditEntry(**one)
