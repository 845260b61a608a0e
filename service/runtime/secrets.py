"""Read secret files, and make those that do not exist once for all processes."""

from __future__ import annotations

import errno
from pathlib import Path

from service.errors import StartupError
from service.runtime.data_lock import gone
from service.runtime.files import create_file

_known: dict[Path, str] = {}


def read_secret(path: Path, where: str, *, blanks: bool = False) -> str:
    """The text of a secret's file, without the line's end and, unless `blanks` count, without white
    space around it. `where` says what names the file.

    Raises StartupError when it cannot be read or is empty.
    """
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not text"
        raise StartupError(
            f"The file {path} cannot be read: {why}.",
            f"Correct {where}, or give this user the right to read the file.",
        ) from None
    found = text.rstrip("\r\n") if blanks else text.strip()
    if not found:
        raise StartupError(f"The file {path} is empty.", f"Write the secret into it; see {where}.")
    return found


def create_once(path: Path, text: str) -> str:
    """Write `text` to `path` (mode 600) unless the file exists; returns what the file holds.

    A reader never sees half a file: the link appears only when the content is on the disk. When a
    running service's data folder is taken away, what was read before still holds: with a new key,
    all customers would be strangers.
    Raises StartupError when the folder cannot be written to.
    """
    try:
        if path not in _known or not gone(path.parent):
            _known[path] = _made(path, text)
        return _known[path]
    except (OSError, UnicodeDecodeError) as error:
        raise StartupError(
            f"The file {path} cannot be made or read: {getattr(error, 'strerror', 'not text')}.",
            "Give this user the right to read and write in the data folder.",
        ) from None


def _made(path: Path, text: str) -> str:
    if not path.exists():
        if gone(path.parent):
            raise FileNotFoundError(errno.ENOENT, "the data folder was taken away")
        path.parent.mkdir(parents=True, exist_ok=True)
        create_file(path, f"{text}\n".encode())  # of several processes the first one counts
    return path.read_text().strip()
