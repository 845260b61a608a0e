"""Check a model file's SHA-256 against its manifest, once for all workers.

Reading a hundred megabytes takes a worker a third of a second. `facegate serve` does so before it
starts them and hands on what it found; a worker believes it, and each process itself, as long as
the file has not changed.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from service.errors import StartupError

RESTORE = "Restore the models folder from the release."
HANDED_ON = "_FACEGATE_VERIFIED_FILES"  # environment variable, a line for each file
_believed = frozenset(os.environ.get(HANDED_ON, "").splitlines())
_verified: set[str] = set()


def verify_checksum(folder: Path, file: str, sha256: str) -> None:
    """Raises StartupError when the model file is missing or is not the one of the manifest."""
    try:
        stamp = f"{sha256} {_state(folder / file)}"
        if stamp in _believed or stamp in _verified:
            return
        digest = hashlib.sha256((folder / file).read_bytes()).hexdigest()
    except OSError as error:
        raise StartupError(
            f"The file {file} of the model {folder.name} cannot be read: {error.strerror}.", RESTORE
        ) from None
    if digest != sha256:
        raise StartupError(
            f"The model {folder.name} is damaged: its checksum differs from its manifest.", RESTORE
        )
    _verified.add(stamp)


def verified_files() -> dict[str, str]:
    """The environment for a process that shall believe what this one has verified."""
    return {HANDED_ON: "\n".join(sorted(_verified))}


def _state(file: Path) -> str:
    """What changes when the file is written to or another takes its place."""
    known = file.stat()
    return f"{known.st_dev} {known.st_ino} {known.st_size} {known.st_mtime_ns} {known.st_ctime_ns}"
