"""Where a backfill writes: a folder, or a prefix in S3. A file appears whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from service.cloud.aws.failures import failures_told
from service.cloud.aws.session import Cloud
from service.errors import ObjectNotFound, StartupError
from service.media.address import Address, parse
from service.runtime.files import replace_file


class ResultFolder(Protocol):
    """Names are relative, with slashes."""

    def read(self, name: str) -> bytes | None:
        """None where there is no such file."""

    def write(self, name: str, data: bytes) -> None:
        """Create or replace, atomically."""

    def names(self, folder: str) -> Iterator[str]:
        """What is in a folder, without the folder's name."""


def open_output(where: str, cloud: Cloud) -> ResultFolder:
    """Raises StartupError when `where` is an object and no prefix."""
    address = parse(where)
    if address is None:
        return FolderOutput(Path(where))
    if not address.is_prefix:
        raise StartupError(
            f"The output {where} is no prefix in S3.", "End it with a slash, or name a folder."
        )
    return S3Output(cloud, address)


class FolderOutput:
    """A folder of this machine, or of a file system that all workers share."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, name: str) -> bytes | None:
        with suppress(FileNotFoundError):
            return (self._folder / name).read_bytes()
        return None

    def write(self, name: str, data: bytes) -> None:
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, data, private=True, durable=True)

    def names(self, folder: str) -> Iterator[str]:
        with suppress(FileNotFoundError):
            for path in (self._folder / folder).iterdir():
                if not path.name.startswith("."):  # what a killed worker left half-written
                    yield path.name


class S3Output:
    """S3 itself shows an object only when it is whole."""

    def __init__(self, cloud: Cloud, prefix: Address) -> None:
        self._client = cloud.client("s3", prefix.region)
        self._prefix = prefix

    def read(self, name: str) -> bytes | None:
        with suppress(ObjectNotFound), failures_told():
            answer = self._client.get_object(
                Bucket=self._prefix.bucket, Key=self._prefix.key + name
            )
            data: bytes = answer["Body"].read()
            return data
        return None

    def write(self, name: str, data: bytes) -> None:
        with failures_told():
            self._client.put_object(
                Bucket=self._prefix.bucket, Key=self._prefix.key + name, Body=data
            )

    def names(self, folder: str) -> Iterator[str]:
        start = f"{self._prefix.key}{folder}/"
        pages = self._client.get_paginator("list_objects_v2")
        with failures_told():
            for page in pages.paginate(Bucket=self._prefix.bucket, Prefix=start):
                for entry in page.get("Contents", ()):
                    yield entry["Key"].removeprefix(start)
