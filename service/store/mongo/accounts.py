"""Users and their history in MongoDB."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from typing import Any

from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from service.store.accounts import ENTRY, USER, HistoryEntry, Place, User
from service.store.mongo.counters import date

Document = dict[str, Any]
INDEXES = {
    "history": [
        IndexModel([("user", ASCENDING), ("created_at", DESCENDING), ("_id", DESCENDING)]),
        IndexModel([("purge_at", ASCENDING)], expireAfterSeconds=0),
    ],
}


class MongoAccounts:
    """See `AccountStore`."""

    def _calls(self, seconds: float | None = None) -> AbstractContextManager[Database[Document]]:
        raise NotImplementedError

    def add_user(self, user: User) -> bool:
        with self._calls() as db:
            try:
                db.users.insert_one({"_id": user.name, **USER.dump_python(user)})
            except DuplicateKeyError:
                return False
            return True

    def get_user(self, name: str) -> User | None:
        with self._calls() as db:
            found = db.users.find_one({"_id": name}, {"_id": False})
            return USER.validate_python(found) if found else None

    def put_user(self, user: User) -> None:
        with self._calls() as db:
            db.users.replace_one({"_id": user.name}, {"_id": user.name, **USER.dump_python(user)})

    def delete_user(self, name: str) -> None:
        with self._calls() as db:
            db.history.delete_many({"user": name})
            db.users.delete_one({"_id": name})

    def put_entry(self, entry: HistoryEntry) -> None:
        document = {"_id": entry.id, **ENTRY.dump_python(entry), "purge_at": date(entry.expires_at)}
        with self._calls() as db:
            db.history.replace_one({"_id": entry.id}, document, upsert=True)

    def get_entry(self, user: str, entry_id: str) -> HistoryEntry | None:
        found = self._entries({"_id": entry_id, "user": user}, 1)
        return found[0] if found else None

    def list_entries(
        self, user: str, limit: int, before: Place | None = None
    ) -> list[HistoryEntry]:
        query: Document = {"user": user}
        if before is not None:
            created_at, last = before
            tie = {"created_at": created_at, "_id": {"$lt": last}}
            query["$or"] = [{"created_at": {"$lt": created_at}}, tie]
        return self._entries(query, limit)

    def delete_entries(self, user: str, entry_id: str | None = None) -> int:
        query = {"user": user} | ({} if entry_id is None else {"_id": entry_id})
        with self._calls() as db:
            return db.history.delete_many(query).deleted_count

    def _entries(self, query: Document, limit: int) -> list[HistoryEntry]:
        query["expires_at"] = {"$gt": time.time()}
        order = [("created_at", DESCENDING), ("_id", DESCENDING)]
        fields = {"_id": False, "purge_at": False}
        with self._calls() as db:
            found = db.history.find(query, fields).sort(order).limit(limit)
            return [ENTRY.validate_python(one) for one in found]
