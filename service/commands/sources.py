"""What `facegate detect` is given: files, folders, addresses, standard input."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import requests

from service.errors import BodyTooLarge, FacegateError

SUFFIXES = frozenset({".jpg", ".jpeg", ".png"})
CONNECT, TOTAL = 5.0, 30.0  # seconds
CHUNK = 65536  # bytes
TOO_LARGE = "This is larger than FACEGATE_MAX_BODY_BYTES allows."


class SourceError(FacegateError):
    """A source that gave no bytes. Only ever an outcome of this command, never an answer."""

    code = "UNREADABLE"


def expand(arguments: Sequence[str], *, recursive: bool) -> list[str]:
    """A folder becomes its images, sorted; everything else stays as it is, in order."""
    return [source for argument in arguments for source in _expand(argument, recursive)]


def read(source: str, limit: int) -> bytes:
    """All bytes of one source.

    Raises SourceError, or BodyTooLarge above `limit` bytes.
    """
    if source == "-":
        return _bounded(sys.stdin.buffer, limit)
    if is_address(source):
        return _fetch(source, limit)
    return _read_file(Path(source), limit)


def is_address(source: str) -> bool:
    """Whether it is http or https."""
    return source.lower().startswith(("http://", "https://"))


def label(source: str) -> str:
    """How a source is named in output: valid UTF-8, and without credentials or query."""
    if not is_address(source):
        return os.fsencode(source).decode("utf-8", "replace")
    without_query = re.split("[?#]", source, maxsplit=1)[0]
    return re.sub("(?<=://)[^/]*@", "", without_query)


def _expand(argument: str, recursive: bool) -> Iterator[str]:
    folder = Path(argument)
    if argument == "-" or is_address(argument) or not folder.is_dir():
        yield argument
        return
    found = folder.rglob("*") if recursive else folder.iterdir()
    yield from sorted(str(path) for path in found if path.suffix.lower() in SUFFIXES)


def _read_file(path: Path, limit: int) -> bytes:
    if path.exists() and not path.is_file():
        raise SourceError("This is neither a file nor a folder.")  # a pipe would wait for ever
    try:
        with path.open("rb") as file:
            return _bounded(file, limit)
    except OSError as error:
        raise SourceError(f"This file cannot be read: {error.strerror}.") from None


def _bounded(file: BinaryIO, limit: int) -> bytes:
    data = file.read(limit + 1)
    if len(data) > limit:
        raise BodyTooLarge(TOO_LARGE)
    return data


def _fetch(address: str, limit: int) -> bytes:
    try:
        with requests.get(address, stream=True, timeout=(CONNECT, TOTAL)) as answer:
            if not answer.ok:
                raise SourceError(f"The server answered {answer.status_code}.")
            return _body(answer, limit)
    except (requests.RequestException, ValueError) as error:
        raise SourceError(f"This address cannot be fetched: {type(error).__name__}.") from None


def _body(answer: requests.Response, limit: int) -> bytes:
    """requests' own timeout is per read; a server that drips would hold us for ever."""
    end = time.monotonic() + TOTAL
    data = bytearray()
    for chunk in answer.iter_content(CHUNK):
        data += chunk
        if len(data) > limit:
            raise BodyTooLarge(TOO_LARGE)
        if time.monotonic() > end:
            raise SourceError(f"The server took longer than {TOTAL:g} seconds.")
    return bytes(data)
