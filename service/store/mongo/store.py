"""The MongoDB store: a standalone server (the cache container) or a replica set."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import pymongo
import structlog
from bson.errors import BSONError
from pydantic import ValidationError
from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.database import Database
from pymongo.errors import (
    ConnectionFailure,
    DocumentTooLarge,
    DuplicateKeyError,
    PyMongoError,
    WriteError,
)

from service.errors import StoreUnavailable
from service.store.base import LICENCE, EntryRefused, LicenceRecord, StoredResult
from service.store.counter import Counter
from service.store.mongo import accounts, audit, jobs, pictures, records, search
from service.store.mongo import counters as atomic
from service.store.mongo.accounts import MongoAccounts
from service.store.mongo.audit import MongoAudit
from service.store.mongo.forgetting import MongoForgetting
from service.store.mongo.jobs import MongoJobs
from service.store.mongo.pictures import MongoPictures
from service.store.mongo.records import MongoRecords
from service.store.mongo.search import MongoSearch

Document = dict[str, Any]
log = structlog.get_logger(__name__)

EXPECTED = (PyMongoError, BSONError, OSError, ValueError, OverflowError)
NOT_TO_BE_WRITTEN = (BSONError, DocumentTooLarge, UnicodeError, OverflowError)
VALIDATION_FAILED = 121  # MongoDB's code
HOUSEKEEPING = 60.0  # seconds for what no request waits for
MAX_IMAGE = 15 * 2**20  # a document ends at 16 MiB; better a result without its image than none

INDEXES = {
    "counters": [IndexModel([("purge_at", ASCENDING)], expireAfterSeconds=0)],
    "results": [
        IndexModel([("sha256", ASCENDING), ("fingerprint", ASCENDING), ("created_at", DESCENDING)]),
        IndexModel([("licence", ASCENDING), ("created_at", DESCENDING), ("_id", DESCENDING)]),
        IndexModel([("purge_at", ASCENDING)], expireAfterSeconds=0),
        *search.INDEXES,
    ],
    **accounts.INDEXES,
    **audit.INDEXES,
    **jobs.INDEXES,
    **pictures.INDEXES,
    **records.INDEXES,
}


class MongoStore(
    MongoAccounts, MongoAudit, MongoForgetting, MongoJobs, MongoPictures, MongoRecords, MongoSearch
):
    """See `Store`. A method takes `timeout` seconds at most, however many calls it makes.

    Uniqueness rests on `_id` alone, so nothing breaks where the indexes cannot be made. There are
    no transactions on a standalone server: when a process dies in the middle of a `take` of
    several counters, or an answer is lost on the way, a counter may stand one use too high.
    """

    kind = "mongo"

    def __init__(self, uri: str, database: str, timeout: float) -> None:
        self._uri, self._name, self._timeout = uri, database, max(timeout, 0.001)
        self._clients: dict[int, pymongo.MongoClient[Document]] = {}  # by process id
        self.server: str | None = None  # written by the cache container: mongodb or stand-in

    def ping(self) -> None:
        with self._calls() as db:
            db.licences.find_one({"_id": ""})  # unlike a `ping` command, this needs credentials

    def prepare(self) -> None:
        """Ask what this is, and make the indexes."""
        try:
            with self._calls() as db:
                about = db.about.find_one({"_id": "schema"}) or {}
        except StoreUnavailable as error:
            if _went_away(error.__cause__):
                raise
        else:
            self.server = about.get("server")
        self._make_indexes()

    def _make_indexes(self) -> None:
        """Make the indexes; may take long where there is much data, so never within a request.

        They serve speed and tidiness only: a missing right is worth one line and no more.
        """
        for name, indexes in INDEXES.items():
            for index in indexes:  # each by itself: over much data, one takes long
                self._make_index(name, index)

    def _make_index(self, collection: str, index: IndexModel) -> None:
        try:
            with self._calls(HOUSEKEEPING) as db:
                db[collection].create_indexes([index])
        except StoreUnavailable as error:
            if _went_away(error.__cause__):
                raise
            reason = type(error.__cause__).__name__
            name = index.document["name"]
            log.warning("store_index_not_made", collection=collection, index=name, error=reason)

    def close(self) -> None:
        client = self._clients.pop(os.getpid(), None)
        if client is not None:
            client.close()

    def put_licence(self, licence: LicenceRecord) -> None:
        document = {"_id": licence.digest, **LICENCE.dump_python(licence, mode="json")}
        with self._calls() as db:
            db.licences.replace_one({"_id": licence.digest}, document, upsert=True)

    def get_licence(self, digest: str) -> LicenceRecord | None:
        with self._calls() as db:
            found = db.licences.find_one({"_id": digest})
            return _to_licence(found) if found else None

    def list_licences(self) -> list[LicenceRecord]:
        with self._calls() as db:
            order = [("issued_at", ASCENDING), ("_id", ASCENDING)]
            return [_to_licence(found) for found in db.licences.find().sort(order)]

    def take(self, counters: Sequence[Counter], amount: int = 1) -> bool:
        with self._calls() as db:
            return atomic.take(db.counters, counters, amount)

    def give_back(self, counters: Sequence[Counter], amount: int = 1) -> None:
        with self._calls() as db:
            atomic.give_back(db.counters, counters, amount)

    def usage(self, key: str) -> int:
        with self._calls() as db:
            found = db.counters.find_one({"_id": key}, {"used": True})
            return int(found["used"]) if found else 0

    def advance(self, counter: Counter, value: int) -> int:
        with self._calls() as db:
            return atomic.advance(db.counters, counter, value)

    def add_once(self, token: str, counters: Sequence[Counter], amount: int) -> None:
        """Add to every counter whatever its limit; the same token again changes nothing.

        A negative amount gives back.
        """
        with self._calls() as db:
            atomic.add_once(db.counters, token, counters, amount)

    def claim(self, key: str, expires_at: float) -> bool:
        with self._calls() as db:
            return atomic.claim(db.counters, key, expires_at)

    def put_result(self, result: StoredResult) -> None:
        with self._calls() as db, suppress(DuplicateKeyError):
            db.results.insert_one(_from_result(result))

    def find_result(self, licence: str, sha256: str, fingerprint: str) -> StoredResult | None:
        found = self._find({"sha256": sha256, "fingerprint": fingerprint, "licence": licence}, 1)
        return found[0] if found else None

    def get_result(self, licence: str, result_id: str) -> StoredResult | None:
        found = self._find({"_id": result_id, "licence": licence}, 1)
        return found[0] if found else None

    def list_results(
        self, licence: str, limit: int, before: tuple[float, str] | None = None
    ) -> list[StoredResult]:
        query: Document = {"licence": licence}
        if before is not None:
            created_at, last = before
            tie = {"created_at": created_at, "_id": {"$lt": last}}
            query["$or"] = [{"created_at": {"$lt": created_at}}, tie]
        return self._find(query, limit)

    def purge(self, now: float) -> int:
        with self._calls(HOUSEKEEPING) as db:
            db.counters.delete_many({"expires_at": {"$lte": now}})
            db.history.delete_many({"expires_at": {"$lte": now}})
            db.pictures.delete_many({"expires_at": {"$lte": now}})
            self._purge_jobs(db, now)
            db.records.delete_many({"expires_at": {"$lte": now}})
            return db.results.delete_many({"expires_at": {"$lte": now}}).deleted_count

    def _find(self, query: Document, limit: int) -> list[StoredResult]:
        query["expires_at"] = {"$gt": time.time()}
        order = [("created_at", DESCENDING), ("_id", DESCENDING)]
        with self._calls() as db:
            return [_to_result(found) for found in db.results.find(query).sort(order).limit(limit)]

    @contextmanager
    def _calls(self, seconds: float | None = None) -> Iterator[Database[Document]]:
        """The database for one method; all that can go wrong becomes `StoreUnavailable`.

        The client raises whatever it stumbles over when an answer was damaged on the way, a
        KeyError for instance: such types are logged, for a mistake of ours looks the same.
        """
        try:
            with pymongo.timeout(seconds or self._timeout):
                yield self._connected()[self._name]
        except StoreUnavailable:
            raise
        except Exception as error:
            if not isinstance(error, EXPECTED):
                log.warning("store_call_failed", error=type(error).__name__)
            raise (EntryRefused if _is_of_the_entry(error) else StoreUnavailable) from error

    def _connected(self) -> pymongo.MongoClient[Document]:
        """pymongo itself waits for a server in steps of half a second, which is too coarse here."""
        client = self._client()
        deadline = time.monotonic() + self._timeout
        while not client.topology_description.has_writable_server():
            if time.monotonic() > deadline:
                raise StoreUnavailable
            time.sleep(0.005)
        return client

    def _client(self) -> pymongo.MongoClient[Document]:
        """Made in the process that uses it; one inherited by a fork is left alone."""
        client = self._clients.get(os.getpid())
        if client is None:
            opened = self._open()
            client = self._clients.setdefault(os.getpid(), opened)
            if client is not opened:  # two threads came first
                opened.close()
        return client

    def _open(self) -> pymongo.MongoClient[Document]:
        milliseconds = int(self._timeout * 1000)
        return pymongo.MongoClient(
            self._uri,
            appname="facegate",
            journal=True,  # acknowledged means on the disk
            serverSelectionTimeoutMS=milliseconds,
            connectTimeoutMS=milliseconds,
            timeoutMS=milliseconds,
            heartbeatFrequencyMS=1000,  # how soon a server that came back is seen
            retryReads=False,  # a retry waits longer than a request may; the spool is our retry
            retryWrites=False,
        )


def _is_of_the_entry(error: Exception) -> bool:
    """Whether the document is at fault: against the schema, too large, or not to be encoded."""
    failed = isinstance(error, WriteError) and error.code == VALIDATION_FAILED
    return failed or isinstance(error, NOT_TO_BE_WRITTEN)


def _went_away(cause: BaseException | None) -> bool:
    """Unlike a server that is long at work, or that grants no right to make an index."""
    return cause is None or (isinstance(cause, ConnectionFailure) and not cause.timeout)


def _to_licence(document: Document) -> LicenceRecord:
    return LICENCE.validate_python({key: value for key, value in document.items() if key != "_id"})


def _from_result(result: StoredResult) -> Document:
    fits = len(result.image or b"") <= MAX_IMAGE
    return {
        "_id": result.id,
        "licence": result.licence,
        "sha256": result.sha256,
        "fingerprint": result.fingerprint,
        "created_at": result.created_at,
        "expires_at": result.expires_at,
        "purge_at": atomic.date(result.expires_at),
        "analysis": result.analysis,
        "image": result.image if fits else None,
        "contract": result.contract,
        "label": result.label,
    }


def _to_result(document: Document) -> StoredResult:
    """Raises EntryRefused for a document that was damaged: the store itself is well."""
    fields = {key: value for key, value in document.items() if key not in ("_id", "purge_at")}
    try:
        return StoredResult(id=document["_id"], **fields)
    except ValidationError:
        log.warning("store_result_unreadable")
        raise EntryRefused from None
