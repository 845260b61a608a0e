"""What came in: its kind, its size and the SHA-256 of its bytes as they were received."""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import inf
from typing import IO, Self

from service.errors import BodyTooLarge
from service.media.formats import format_of
from service.media.kinds import Kind, kind_of

IN_MEMORY = 2**20  # bytes; what is larger lies in a file without a name
CHUNK = 2**18  # bytes
HEAD = 4096  # bytes that tell the kind


@dataclass(frozen=True, eq=False)
class Medium:
    """One reader at a time. `format`: of an image, else None; size: bytes; max_seconds: the longest
    footage or sound that is accepted here, where that is less than everywhere; name: of the file,
    where one was given; it is kept nowhere."""

    kind: Kind
    format: str | None
    size: int
    sha256: str
    _bytes: bytes | None = field(default=None, repr=False)
    _file: IO[bytes] | None = field(default=None, repr=False)
    max_seconds: float = inf
    name: str = field(default="", repr=False)

    @classmethod
    def of(cls, data: bytes, kind: Kind | None = None, name: str = "") -> Self:
        """Of bytes that are in memory; `kind` where a contract says it, else told by content."""
        digest = hashlib.sha256(data).hexdigest()
        kind = kind or kind_of(data, name)
        return cls(kind, format_of(data), len(data), digest, data, name=name)

    @classmethod
    def receive(cls, stream: IO[bytes], limit: int, name: str = "") -> Self:
        """Read a stream to its end. Raises BodyTooLarge beyond `limit` bytes."""
        spool = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 (the medium closes it)
        try:
            digest = hashlib.sha256()
            for chunk in _bounded(stream, limit):
                digest.update(chunk)
                spool.write(chunk)
            size = spool.tell()
            spool.seek(0)
            head = spool.read(HEAD)
        except BaseException:
            spool.close()
            raise
        kind = kind_of(head, name)
        return cls(kind, format_of(head), size, digest.hexdigest(), _file=spool, name=name)

    def open(self) -> IO[bytes]:
        """Its bytes, from the first one on."""
        if self._file is None:
            return io.BytesIO(self._bytes or b"")
        self._file.seek(0)
        return self._file

    @contextmanager
    def descriptor(self) -> Iterator[int]:
        """A file descriptor of its bytes, for another process; valid within the block."""
        if self._file is not None and getattr(self._file, "_rolled", True):
            self._file.flush()
            yield self._file.fileno()
            return
        descriptor = os.memfd_create("medium")  # needs no folder that can be written to
        try:
            with os.fdopen(os.dup(descriptor), "wb") as file:
                file.write(self.read())
            yield descriptor
        finally:
            os.close(descriptor)

    def read(self) -> bytes:
        """All of its bytes."""
        return self.open().read() if self._bytes is None else self._bytes


def _bounded(stream: IO[bytes], limit: int) -> Iterator[bytes]:
    size = 0
    while chunk := stream.read(CHUNK):
        size += len(chunk)
        if size > limit:
            raise BodyTooLarge
        yield chunk
