"""One SQLite file: connections, durability, schema versions. Shared by the store and the spool."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from service.errors import StoreUnavailable
from service.runtime.data_lock import gone
from service.store.sqlite import wal
from service.store.sqlite.condition import FileHealth, damage

Migration = tuple[str, ...]  # statements that lead from one schema version to the next
FAULTS = (sqlite3.Error, OSError, ValueError)  # ValueError: a damaged row that still reads as text
EVERY = 0.001  # seconds between two looks at whether another writer is done

_inherited: list[list[sqlite3.Connection]] = []


class Database:
    """A file that several threads and processes use at once.

    WAL with synchronous=FULL: what was committed survives a crash of the process and of the
    machine. Every fault of SQLite or of the file system leaves as `StoreUnavailable`.
    """

    def __init__(
        self,
        path: Path,
        migrations: Sequence[Migration],
        busy_timeout: float,
        on_fault: Callable[[], None] = lambda: None,
    ) -> None:
        self.path = path
        self.condition = FileHealth()
        self._file: wal.Identity | None = None  # once it was opened
        self._log: wal.Identity | None = None
        self._migrations = migrations
        self._busy_timeout = busy_timeout
        self._on_fault = on_fault
        self._next = 0.0  # when others who wait to write have had their chance
        self._opening = threading.Lock()
        self._pool: tuple[int, list[sqlite3.Connection]] = (os.getpid(), [])

    @contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        """A connection that no other thread uses meanwhile, in autocommit mode."""
        connection = self._take_out()
        file = self._file
        try:
            yield connection
        except FAULTS as error:
            self.condition.failed(error, writing=connection.in_transaction)
            connection.close()
            self._on_fault()
            raise StoreUnavailable from error
        except BaseException:
            connection.close()
            raise
        if self._file == file:
            self._idle().append(connection)
        else:  # another file was put in its place meanwhile
            connection.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A write transaction from its first statement on; committed unless an error leaves it."""
        with self.connection() as connection:
            self._begin(connection)
            began = time.monotonic()
            yield connection
            connection.execute("COMMIT")
            ended = time.monotonic()
            self._next = ended + min((ended - began) / 10, 5 * EVERY)
            if connection.total_changes:
                self.condition.unwritable = False

    def check(self) -> None:
        """Look at the file, and whether it takes writes again; never raises."""
        if not self.path.exists():
            return
        self.condition.damaged = damage(self.path) is not None
        if self.condition.unwritable:
            with suppress(StoreUnavailable), self.transaction() as db:
                db.execute(f"PRAGMA user_version = {len(self._migrations)}")
                self.condition.unwritable = False

    def empty_log(self) -> None:
        """Move the write-ahead log into the file, so that no page of before is left in it; where
        somebody reads meanwhile, the next one does. Raises StoreUnavailable."""
        with self.connection() as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def close(self) -> None:
        """Close the idle connections of this process, and forget which file it was."""
        self._file = None
        idle = self._idle()
        while idle:
            idle.pop().close()

    def _idle(self) -> list[sqlite3.Connection]:
        pid, idle = self._pool
        if pid != os.getpid():
            # SQLite forbids even closing a connection on the other side of a fork: keep them.
            _inherited.append(idle)
            self._opening = threading.Lock()
            self._pool = (os.getpid(), idle := [])
        return idle

    def _take_out(self) -> sqlite3.Connection:
        try:
            self._look()
            with suppress(IndexError):
                return self._idle().pop()
            with self._opening:
                return self._open()
        except FAULTS as error:
            self._on_fault()
            raise StoreUnavailable from error

    def _look(self) -> None:
        """Open connections would go on writing to a file that was deleted or moved away.

        Raises FileNotFoundError; the file may come back, and may be another one then.
        """
        if self._file is None:
            if gone(self.path.parent):
                raise FileNotFoundError(self.path)
            return
        known = self.path.stat()
        if (known.st_dev, known.st_ino) != self._file:
            wal.drop(self.path, self._log)
            self.close()
            self._file = known.st_dev, known.st_ino
            self.condition.damaged = False
        if self.condition.damaged:
            # What it still says may be wrong: that a licence is unknown, or not revoked.
            raise sqlite3.DatabaseError("the file is damaged")

    def _open(self) -> sqlite3.Connection:
        self._create_private()
        connection = sqlite3.connect(
            self.path, timeout=self._busy_timeout, isolation_level=None, check_same_thread=False
        )
        try:
            self._insist(connection, "PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA secure_delete = ON")  # of what is deleted nothing is left
            self._migrate(connection)
        except BaseException:
            connection.close()
            raise
        known = self.path.stat()
        self._file, self._log = (known.st_dev, known.st_ino), wal.log_of(self.path)
        return connection

    def _create_private(self) -> None:
        """The file is made before SQLite makes it with everybody's right to read."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))

    def _begin(self, connection: sqlite3.Connection) -> None:
        """SQLite itself looks ever more seldom, at last every tenth of a second. Beside others who
        write without a pause to a slow disk it found their file free once in ten seconds or more.
        """
        time.sleep(max(self._next - time.monotonic(), 0))
        connection.execute("PRAGMA busy_timeout = 0")
        self._insist(connection, "BEGIN IMMEDIATE")
        connection.execute(f"PRAGMA busy_timeout = {round(self._busy_timeout * 1000)}")

    def _insist(self, connection: sqlite3.Connection, statement: str) -> None:
        """Execute what SQLite does not wait for while another process has its lock."""
        deadline = time.monotonic() + self._busy_timeout
        while True:
            try:
                connection.execute(statement)
                return
            except sqlite3.OperationalError as error:
                busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
                if not busy or time.monotonic() > deadline:
                    raise
                time.sleep(EVERY)

    def _migrate(self, connection: sqlite3.Connection) -> None:
        if self._version(connection) == len(self._migrations):
            return
        self._begin(connection)
        version = self._version(connection)
        if version > len(self._migrations):
            raise sqlite3.NotSupportedError("the file was written by a newer version")
        for statement in sum(self._migrations[version:], ()):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(self._migrations)}")
        connection.execute("COMMIT")

    @staticmethod
    def _version(connection: sqlite3.Connection) -> int:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])
