"""Where a service's metrics lie: in memory, mapped by each worker, so that no full disk breaks it.

A mapped file with holes kills its process (SIGBUS) when a hole is written to and no room is left.
So every page is there before it is mapped; where there is no room, this worker counts in memory of
its own: its counts are missing from the sum, and no request is.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from prometheus_client import values
from prometheus_client.mmap_dict import MmapedDict

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 (a folder of its own is made there, mode 700)
FIRST = 1 << 16  # bytes, as the library begins
HANDED_ON = "_FACEGATE_METRICS_LOCK"  # environment variable: the descriptor that says "in use"


class Reserved(MmapedDict):
    """A file of values without holes."""

    def __init__(self, filename: str, read_mode: bool = False) -> None:
        try:
            if not read_mode:
                _made(filename)
            super().__init__(filename, read_mode)  # type: ignore[no-untyped-call]
        except OSError:
            self._f: Any = None
            self._fname, self._positions = filename, {}
            self._m, self._capacity, self._used = mmap.mmap(-1, FIRST), FIRST, 8

    def _init_value(self, key: str) -> None:
        """Grow first, in whole pages that exist, so that the library need not."""
        while self._used + 2 * len(key.encode()) + 64 > self._capacity:
            self._grow()
        super()._init_value(key)  # type: ignore[no-untyped-call]

    def _grow(self) -> None:
        size = 2 * self._capacity
        try:
            if self._f is None:
                raise OSError
            _reserve(self._f.fileno(), size)
            grown = mmap.mmap(self._f.fileno(), size)
        except OSError:
            grown = mmap.mmap(-1, size)
            grown[: self._capacity] = self._m[:]
        self._m, self._capacity = grown, size


def _made(filename: str) -> None:
    """Make the file where it is new. Raises OSError, and leaves none with holes behind."""
    file = os.open(filename, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if not os.fstat(file).st_size:
            _reserve(file, FIRST)
    finally:
        os.close(file)


def _reserve(file: int, size: int) -> None:
    before = os.fstat(file).st_size
    try:
        os.posix_fallocate(file, 0, size)
    except OSError:
        os.ftruncate(file, before)
        raise


def install() -> None:
    """Let the library make such files from now on."""
    vars(values)[MmapedDict.__name__] = Reserved


def new_folder(data_dir: Path) -> tuple[Path, dict[str, str]]:
    """An empty folder for one service, and the environment that keeps it in use over an exec.

    In shared memory; in the data folder on a system without it.
    """
    above = SHARED_MEMORY if os.access(SHARED_MEMORY, os.W_OK) else data_dir.absolute() / "metrics"
    above.mkdir(exist_ok=True)
    _sweep(above)
    folder = Path(tempfile.mkdtemp(prefix=f"facegate-{os.getuid()}-", dir=above))
    lock = os.open(folder, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    os.set_inheritable(lock, True)
    return folder, {"PROMETHEUS_MULTIPROC_DIR": str(folder), HANDED_ON: str(lock)}


def adopt() -> None:
    """In gunicorn's master: workers get the lock by their fork, other programs do not."""
    if lock := os.environ.pop(HANDED_ON, ""):
        os.set_inheritable(int(lock), False)


def remove(folder: Path) -> None:
    """At the end of the service."""
    shutil.rmtree(folder, ignore_errors=True)


def _sweep(above: Path) -> None:
    """Remove what services left that were killed: nobody holds its lock any more."""
    for folder in above.glob(f"facegate-{os.getuid()}-*"):
        try:
            lock = os.open(folder, os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY)
        except OSError:
            continue
        try:
            if os.fstat(lock).st_uid == os.getuid():
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                remove(folder)
        except OSError:
            continue
        finally:
            os.close(lock)
