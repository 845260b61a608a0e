"""The console's records in MongoDB."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from typing import Any

from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from service.store.mongo.counters import date
from service.store.records import RECORD, Place, StoredRecord

Document = dict[str, Any]
INDEXES = {
    "records": [
        IndexModel([("shelf", ASCENDING), ("created_at", DESCENDING), ("id", DESCENDING)]),
        IndexModel([("purge_at", ASCENDING)], expireAfterSeconds=0),
    ],
}


class MongoRecords:
    """See `RecordStore`."""

    def _calls(self, seconds: float | None = None) -> AbstractContextManager[Database[Document]]:
        raise NotImplementedError

    def add_record(self, record: StoredRecord) -> bool:
        document = _to_document(record)
        with self._calls() as db:
            db.records.delete_one({"_id": document["_id"], "expires_at": {"$lte": time.time()}})
            try:
                db.records.insert_one(document)
            except DuplicateKeyError:
                return False
            return True

    def put_record(self, record: StoredRecord) -> None:
        document = _to_document(record)
        with self._calls() as db:
            db.records.replace_one({"_id": document["_id"]}, document, upsert=True)

    def get_record(self, shelf: str, record_id: str) -> StoredRecord | None:
        found = self._records({"_id": f"{shelf}/{record_id}"}, 1)
        return found[0] if found else None

    def list_records(
        self, shelf: str, limit: int, before: Place | None = None
    ) -> list[StoredRecord]:
        query: Document = {"shelf": shelf}
        if before is not None:
            created_at, last = before
            tie = {"created_at": created_at, "id": {"$lt": last}}
            query["$or"] = [{"created_at": {"$lt": created_at}}, tie]
        return self._records(query, limit)

    def delete_record(self, shelf: str, record_id: str) -> bool:
        query = {"_id": f"{shelf}/{record_id}", "expires_at": {"$gt": time.time()}}
        with self._calls() as db:
            return db.records.delete_one(query).deleted_count == 1

    def _records(self, query: Document, limit: int) -> list[StoredRecord]:
        query["expires_at"] = {"$gt": time.time()}
        order = [("created_at", DESCENDING), ("id", DESCENDING)]
        fields = {"_id": False, "purge_at": False}
        with self._calls() as db:
            found = db.records.find(query, fields).sort(order).limit(limit)
            return [RECORD.validate_python(one) for one in found]


def _to_document(record: StoredRecord) -> Document:
    purge_at = {"purge_at": date(record.expires_at)}
    return {"_id": f"{record.shelf}/{record.id}", **RECORD.dump_python(record), **purge_at}
