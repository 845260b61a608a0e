"""One service a data folder: a lock on the folder itself, which also tells when it was taken away.

The lock is held by a descriptor that `serve` opens, and gunicorn and its workers inherit; it ends
with the last of them. Where the file system knows no locks, there is none.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path

from service.errors import StartupError

HANDED_ON = "_FACEGATE_DATA_LOCK"  # environment variable: the descriptor
PATIENCE = 5.0  # seconds: the workers of a service that was killed take one to notice
_held: dict[Path, int] = {}  # descriptor by folder


def take(folder: Path, *, shared: bool) -> dict[str, str]:
    """Lock the folder; the environment that lets this go on over an exec.

    shared: together with others that ask for the same.
    Raises StartupError when another service has it.
    """
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    deadline = time.monotonic() + PATIENCE
    while not _locked(file, shared):
        if time.monotonic() > deadline:
            os.close(file)
            raise StartupError(
                f"Another Facegate uses the data folder {folder}.",
                "Stop it, or give each service a folder of its own by FACEGATE_DATA_DIR.",
            )
        time.sleep(0.1)
    os.set_inheritable(file, True)
    return {HANDED_ON: str(file)}


def adopt(folder: Path) -> None:
    """In gunicorn's master: workers get the lock by their fork, other programs do not."""
    if file := os.environ.pop(HANDED_ON, ""):
        os.set_inheritable(int(file), False)
        _held[folder.absolute()] = int(file)


def gone(folder: Path) -> bool:
    """Whether the folder that this service began with is there no longer, or another one is."""
    file = _held.get(folder.absolute())
    if file is None:
        return False
    with suppress(OSError):
        return not os.path.samestat(os.fstat(file), folder.stat())
    return True


def _locked(file: int, shared: bool) -> bool:
    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in (errno.EWOULDBLOCK, errno.EACCES)
    return True
