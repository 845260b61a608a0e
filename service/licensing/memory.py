"""Cached licences: a bounded cache in memory, and a folder that outlives the process.

The folder holds one small JSON file a licence, named after its keyed digest. A worker that starts
while the store is away finds there which licences the store vouched for lately.
"""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from pathlib import Path

from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from service.runtime.files import replace_file
from service.store.base import LicenceRecord


@dataclass(frozen=True)
class RememberedLicence:
    """A licence and when the store last vouched for it; None: the store did not know it."""

    licence: LicenceRecord | None
    at: float


SEEN = TypeAdapter(RememberedLicence)


class Cache:
    """The `size` most recently used entries; safe for threads."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._lock = threading.Lock()
        self._entries: OrderedDict[str, RememberedLicence] = OrderedDict()

    def get(self, digest: str) -> RememberedLicence | None:
        with self._lock:
            if digest in self._entries:
                self._entries.move_to_end(digest)
            return self._entries.get(digest)

    def put(self, digest: str, seen: RememberedLicence) -> None:
        with self._lock:
            self._entries[digest] = seen
            self._entries.move_to_end(digest)
            while len(self._entries) > self._size:
                self._entries.popitem(last=False)

    def drop(self, digest: str) -> None:
        with self._lock:
            self._entries.pop(digest, None)


class Folder:
    """Licences that are remembered on disk; a full or read-only disk loses a memory, no request."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def get(self, digest: str) -> RememberedLicence | None:
        try:
            return SEEN.validate_json((self._path / f"{digest}.json").read_bytes())
        except (OSError, ValidationError):
            return None

    def put(self, digest: str, seen: RememberedLicence) -> None:
        with contextlib.suppress(OSError):
            self._path.mkdir(exist_ok=True)  # in a data folder that is there: see `data_lock.gone`
            replace_file(self._path / f"{digest}.json", SEEN.dump_json(seen), private=True)

    def drop(self, digest: str) -> None:
        with contextlib.suppress(OSError):
            (self._path / f"{digest}.json").unlink(missing_ok=True)

    def all(self) -> list[RememberedLicence]:
        """Every entry that can be read."""
        found = [self.get(path.stem) for path in self._path.glob("*.json")]
        return [seen for seen in found if seen is not None]
