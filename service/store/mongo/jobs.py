"""Jobs in MongoDB, their media beside them in chunks, so that any container can judge them."""

from __future__ import annotations

import tempfile
import time
from contextlib import AbstractContextManager
from typing import IO, Any

from pymongo import ASCENDING, IndexModel
from pymongo.database import Database

from service.store.jobs import JOB, NOBODY, Busy, JobLoad, Stage, StoredJob
from service.store.mongo.counters import date

Document = dict[str, Any]
CHUNK = 2**20  # bytes
PATIENCE = 10.0  # seconds for a chunk
INDEXES = {
    "jobs": [
        IndexModel([("stage", ASCENDING), ("created_at", ASCENDING)]),
        IndexModel([("purge_at", ASCENDING)], expireAfterSeconds=0),
    ],
    "job_media": [
        IndexModel([("job", ASCENDING)]),
        IndexModel([("purge_at", ASCENDING)], expireAfterSeconds=0),
    ],
}


class MongoJobs:
    """See `JobStore`."""

    def _calls(self, seconds: float | None = None) -> AbstractContextManager[Database[Document]]:
        raise NotImplementedError

    def add_job(self, job: StoredJob) -> None:
        with self._calls() as db:
            db.jobs.insert_one({"_id": job.id, **_to_document(job)})

    def get_job(self, owner: str, job_id: str) -> StoredJob | None:
        return self._job({"_id": job_id, "owner": owner}, time.time())

    def next_job(self, stage: Stage, now: float, busy: Busy = NOBODY) -> StoredJob | None:
        query: Document = {"stage": stage, "lease_until": {"$lte": now}}
        if stage == "judging":
            return self._job(query, now, "created_at")
        query |= {"owner": {"$nin": [*busy.owners]}, "callback_url": {"$nin": [*busy.urls]}}
        return self._job(query, now, "lease_until", "created_at")

    def update_job(self, job: StoredJob, lease: str) -> bool:
        query = {"_id": job.id, "lease": lease}
        with self._calls() as db:
            return db.jobs.update_one(query, {"$set": _to_document(job)}).matched_count == 1

    def delete_job(self, owner: str, job_id: str) -> bool:
        with self._calls() as db:
            gone = db.jobs.delete_one({"_id": job_id, "owner": owner}).deleted_count == 1
        if gone:
            self.drop_medium(job_id)
        return gone

    def job_load(self, owner: str) -> JobLoad:
        query = {"stage": "judging", "expires_at": {"$gt": time.time()}}
        fields = {"owner": True, "size": True, "created_at": True}
        with self._calls() as db:
            found = list(db.jobs.find(query, fields))
        own = sum(one["owner"] == owner for one in found)
        oldest = min((one["created_at"] for one in found), default=None)
        return JobLoad(own, len(found), sum(one["size"] for one in found), oldest)

    def put_medium(self, job_id: str, stream: IO[bytes], expires_at: float) -> None:
        purge_at = date(expires_at)
        number = 0
        while data := stream.read(CHUNK):
            chunk = {"_id": f"{job_id}/{number}", "job": job_id, "data": data, "purge_at": purge_at}
            with self._calls(PATIENCE) as db:
                db.job_media.insert_one(chunk)
            number += 1

    def open_medium(self, job_id: str) -> IO[bytes] | None:
        spool = tempfile.SpooledTemporaryFile(CHUNK)  # noqa: SIM115 (the caller closes it)
        number = 0
        while (data := self._chunk(f"{job_id}/{number}")) is not None:
            spool.write(data)
            number += 1
        spool.seek(0)
        return spool if number else None

    def drop_medium(self, job_id: str) -> None:
        with self._calls(PATIENCE) as db:
            db.job_media.delete_many({"job": job_id})

    def _purge_jobs(self, db: Database[Document], now: float) -> None:
        db.jobs.delete_many({"expires_at": {"$lte": now}})
        db.job_media.delete_many({"purge_at": {"$lte": date(now)}})

    def _job(self, query: Document, now: float, *order: str) -> StoredJob | None:
        """The first one in ascending order of these fields."""
        query["expires_at"] = {"$gt": now}
        fields = {"_id": False, "purge_at": False, "stage": False}
        with self._calls() as db:
            found = db.jobs.find_one(query, fields, sort=[(one, ASCENDING) for one in order])
            return JOB.validate_python(found) if found else None

    def _chunk(self, chunk_id: str) -> bytes | None:
        with self._calls(PATIENCE) as db:
            found = db.job_media.find_one({"_id": chunk_id}, {"data": True})
        return bytes(found["data"]) if found else None


def _to_document(job: StoredJob) -> Document:
    return {**JOB.dump_python(job), "stage": job.stage, "purge_at": date(job.expires_at)}
