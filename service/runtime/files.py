"""Write files whole or not at all: a reader never finds half of one."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def replace_file(
    path: Path, content: bytes, *, private: bool = False, durable: bool = False
) -> None:
    """Write `content` to `path`, over what is there; of several writers the last one counts.

    `private`: only this user may read it. `durable`: return when it is on the disk. Raises OSError.
    """
    with _beside(path, content, private, durable) as temporary:
        os.replace(temporary, path)


def create_file(path: Path, content: bytes) -> None:
    """Write a durable, private file unless there is one already. Raises OSError."""
    with (
        _beside(path, content, private=True, durable=True) as temporary,
        contextlib.suppress(FileExistsError),
    ):
        os.link(temporary, path)


@contextmanager
def _beside(path: Path, content: bytes, private: bool, durable: bool) -> Iterator[Path]:
    """A hidden file in the same folder, gone afterwards unless it was moved."""
    temporary = path.with_name(f".{secrets.token_hex(8)}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    handle = os.open(temporary, flags, 0o600 if private else 0o666)
    try:
        with open(handle, "wb") as file:
            file.write(content)
            file.flush()
            if durable:
                os.fsync(handle)
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)
