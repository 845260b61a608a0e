"""Read the sources of `facegate detect`: files, folders, addresses, standard input."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import urlsplit

import requests

from service.cloud.aws.config import load_config
from service.errors import BodyTooLarge, FacegateError
from service.media.address import Address, parse
from service.media.kinds import is_media_name
from service.media.sizes import largest
from service.settings import Settings

if TYPE_CHECKING:
    from service.cloud.aws.s3 import S3

CONNECT, TOTAL = 5.0, 30.0  # seconds
CHUNK = 65536  # bytes
TOO_LARGE = "This is larger than FACEGATE_MAX_BODY_BYTES allows."


class SourceError(FacegateError):
    """A source that gave no bytes. Only ever an outcome of this command, never an answer."""

    code = "UNREADABLE"


@dataclass(frozen=True)
class SourceBytes:
    """The bytes of one source, and what is known of an object in S3."""

    data: bytes
    metadata: dict[str, Any] | None = None


def expand(arguments: Sequence[str], settings: Settings, *, recursive: bool) -> list[str]:
    """A folder or prefix becomes its media, sorted; everything else stays as it is, in order.

    Raises CloudError when a prefix cannot be listed.
    """
    return [source for argument in arguments for source in _expand(argument, settings, recursive)]


def read(source: str, settings: Settings) -> SourceBytes:
    """Read all bytes of one source. Raises SourceError, CloudError or BodyTooLarge."""
    address = parse(source)
    if address is None:
        return SourceBytes(_read(source, largest(source, settings)))
    fetched = _s3(settings).fetch(address)
    return SourceBytes(fetched.read(), fetched.info.as_contract() | {"etag": fetched.info.etag})


def is_s3(source: str) -> bool:
    """Whether it is an object or a prefix in S3."""
    return parse(source) is not None


def _read(source: str, limit: int) -> bytes:
    if source == "-":
        return _read_stdin(limit)
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


@cache
def _s3(settings: Settings) -> S3:
    """One for all: boto3 is slow to start, and not needed without S3."""
    from service.cloud.aws.s3 import S3
    from service.cloud.aws.session import Cloud

    return S3(Cloud(load_config()), settings)


def _expand(argument: str, settings: Settings, recursive: bool) -> Iterator[str]:
    address = parse(argument)
    if address is not None:
        yield from _objects(address, settings)
        return
    folder = Path(argument)
    if argument == "-" or is_address(argument) or not folder.is_dir():
        yield argument
        return
    found = folder.rglob("*") if recursive else folder.iterdir()
    yield from sorted(str(path) for path in found if is_media_name(path.name) and not path.is_dir())


def _objects(address: Address, settings: Settings) -> Iterator[str]:
    if not address.is_prefix:
        yield address.url()
        return
    for found in _s3(settings).media(address):
        yield found.url()


def _read_file(path: Path, limit: int) -> bytes:
    if path.exists() and not path.is_file():
        raise SourceError("This is neither a file nor a folder.")  # a pipe would wait for ever
    try:
        with path.open("rb") as file:
            return _bounded(file, limit)
    except OSError as error:
        raise SourceError(f"This file cannot be read: {error.strerror}.") from None


def _read_stdin(limit: int) -> bytes:
    try:
        return _bounded(sys.stdin.buffer, limit)
    except OSError as error:
        raise SourceError(f"Standard input cannot be read: {error.strerror}.") from None


def _bounded(file: BinaryIO, limit: int) -> bytes:
    data = file.read(limit + 1)
    if len(data) > limit:
        raise BodyTooLarge(TOO_LARGE)
    return data


def _fetch(address: str, limit: int) -> bytes:
    try:
        session = requests.Session()
        # A proxy of the environment does not reach this machine itself.
        session.trust_env = not _is_here(urlsplit(address).hostname)
        with session, session.get(address, stream=True, timeout=(CONNECT, TOTAL)) as answer:
            if not answer.ok:
                raise SourceError(f"The server answered {answer.status_code}.")
            return _body(answer, limit)
    except (requests.RequestException, ValueError) as error:
        raise SourceError(f"This address cannot be fetched: {type(error).__name__}.") from None


def _is_here(host: str | None) -> bool:
    try:
        return ip_address(host or "").is_loopback
    except ValueError:
        return host == "localhost"


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
