"""Jobs in SQLite, their media in files of the data folder."""

from __future__ import annotations

import errno
import json
import os
import shutil
import sqlite3
import time
from contextlib import suppress
from pathlib import Path
from typing import IO

from service.errors import StoreUnavailable
from service.store.base import EntryRefused
from service.store.jobs import JOB, NOBODY, Busy, JobLoad, Stage, StoredJob
from service.store.sqlite.database import Database, Migration

MIGRATION: Migration = (
    "CREATE TABLE jobs (id TEXT PRIMARY KEY, owner TEXT NOT NULL, stage TEXT NOT NULL,"
    " lease TEXT NOT NULL, lease_until REAL NOT NULL, created_at REAL NOT NULL,"
    " expires_at REAL NOT NULL, size INTEGER NOT NULL, document TEXT NOT NULL)",
    "CREATE INDEX jobs_by_stage ON jobs (stage, created_at)",
    "CREATE INDEX jobs_by_expiry ON jobs (expires_at)",
)
LOAD = (
    "SELECT count(*) FILTER (WHERE owner = ?), count(*), coalesce(sum(size), 0), min(created_at)"
    " FROM jobs WHERE stage = 'judging' AND expires_at > ?"
)
FREE = "stage = ? AND lease_until <= ? AND expires_at > ?"
OLDEST = " ORDER BY created_at LIMIT 1"
DUE = (
    " AND owner NOT IN (SELECT value FROM json_each(?))"
    " AND json_extract(document, '$.callback_url') NOT IN (SELECT value FROM json_each(?))"
    " ORDER BY lease_until, created_at LIMIT 1"
)
NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
ORPHANED = 3600.0  # seconds after which a medium without a job is nobody's


class SqliteJobs:
    """See `JobStore`."""

    _database: Database
    _media: Path

    def add_job(self, job: StoredJob) -> None:
        with self._database.transaction() as db:
            db.execute("INSERT INTO jobs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", _to_row(job))

    def get_job(self, owner: str, job_id: str) -> StoredJob | None:
        return self._job("owner = ? AND id = ? AND expires_at > ?", owner, job_id, time.time())

    def next_job(self, stage: Stage, now: float, busy: Busy = NOBODY) -> StoredJob | None:
        if stage == "judging":
            return self._job(FREE + OLDEST, stage, now, now)
        others = json.dumps(busy.owners), json.dumps(busy.urls)
        return self._job(FREE + DUE, stage, now, now, *others)

    def update_job(self, job: StoredJob, lease: str) -> bool:
        names = "owner = ?, stage = ?, lease = ?, lease_until = ?, created_at = ?, expires_at = ?"
        statement = f"UPDATE jobs SET {names}, size = ?, document = ? WHERE id = ? AND lease = ?"  # noqa: S608
        with self._database.transaction() as db:
            return db.execute(statement, (*_to_row(job)[1:], job.id, lease)).rowcount == 1

    def delete_job(self, owner: str, job_id: str) -> bool:
        with self._database.transaction() as db:
            statement = "DELETE FROM jobs WHERE owner = ? AND id = ?"
            gone = db.execute(statement, (owner, job_id)).rowcount == 1
        if gone:
            self.drop_medium(job_id)
        return gone

    def job_load(self, owner: str) -> JobLoad:
        with self._database.connection() as db:
            return JobLoad(*db.execute(LOAD, (owner, time.time())).fetchone())

    def put_medium(self, job_id: str, stream: IO[bytes], expires_at: float) -> None:  # noqa: ARG002
        try:
            self._media.mkdir(parents=True, exist_ok=True)
            self._write(self._media / job_id, stream)
        except OSError as error:
            self.drop_medium(job_id)
            raise (EntryRefused if error.errno in NO_ROOM else StoreUnavailable) from error

    def open_medium(self, job_id: str) -> IO[bytes] | None:
        try:
            return (self._media / job_id).open("rb")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreUnavailable from error

    def drop_medium(self, job_id: str) -> None:
        with suppress(OSError):
            (self._media / job_id).unlink()

    def _purge_jobs(self, now: float) -> None:
        """Jobs that expired, and media whose job is gone or was never made."""
        with self._database.transaction() as db:
            db.execute("DELETE FROM jobs WHERE expires_at <= ?", (now,))
            known = {row[0] for row in db.execute("SELECT id FROM jobs")}
        with suppress(OSError):
            for file in self._media.iterdir():
                if file.name not in known and file.stat().st_mtime < now - ORPHANED:
                    file.unlink()

    def _job(self, where: str, *values: object) -> StoredJob | None:
        with self._database.connection() as db:
            return _first(db, where, values)

    @staticmethod
    def _write(path: Path, stream: IO[bytes]) -> None:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(handle, "wb") as file:
            shutil.copyfileobj(stream, file, 2**20)
            file.flush()
            os.fsync(file.fileno())


def _first(db: sqlite3.Connection, where: str, values: tuple[object, ...]) -> StoredJob | None:
    row = db.execute(f"SELECT document FROM jobs WHERE {where}", values).fetchone()  # noqa: S608
    return JOB.validate_json(row[0]) if row else None


def _to_row(job: StoredJob) -> tuple[object, ...]:
    return (
        *(job.id, job.owner, job.stage, job.lease, job.lease_until, job.created_at),
        *(job.expires_at, job.size, JOB.dump_json(job).decode()),
    )
