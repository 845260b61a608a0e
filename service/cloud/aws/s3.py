"""Download S3 objects within a limit, to a file without a name, with their metadata."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from service.cloud.aws.failures import failures_told
from service.cloud.aws.session import Cloud
from service.errors import BodyTooLarge, CloudUnavailable
from service.media.address import Address
from service.media.kinds import is_media_name
from service.media.sizes import largest, too_large
from service.runtime.files import replace_file
from service.settings import Settings

CHUNK = 256 * 1024  # bytes


@dataclass(frozen=True)
class ObjectInfo:
    """What S3 tells of an object; `etag` without its quotes."""

    size: int
    content_type: str | None
    last_modified: str | None  # ISO 8601, UTC
    etag: str | None = None

    def as_contract(self) -> dict[str, Any]:
        return {
            "size": self.size,
            "content_type": self.content_type,
            "last_modified": self.last_modified,
        }


@dataclass(frozen=True)
class Fetched:
    """A downloaded object: an open file that vanishes when it is closed, or a kept one."""

    file: IO[bytes]
    info: ObjectInfo
    path: Path | None = None  # only when the configuration keeps files

    def read(self) -> bytes:
        """All bytes; the file is gone afterwards."""
        with self.file:
            self.file.seek(0)
            return self.file.read()


class S3:
    """Safe for threads."""

    def __init__(self, cloud: Cloud, settings: Settings) -> None:
        self._cloud = cloud
        self._settings = settings
        self._data = cloud.config.data

    def fetch(self, address: Address) -> Fetched:
        """Download an object. Raises CloudError, or BodyTooLarge before the download."""
        with failures_told():
            answer = self._client(address).get_object(Bucket=address.bucket, Key=address.key)
            info = _info(answer)
            with closing(answer["Body"]) as body:
                if info.size > largest(address.key, self._settings):
                    raise BodyTooLarge(too_large("object", address.key))
                file = self._stream(body, info.size)
        return Fetched(file, info, self._keep(address, file))

    def media(self, prefix: Address) -> Iterator[Address]:
        """Every medium below a prefix, by name, in S3's order. Raises CloudError."""
        pages = self._client(prefix).get_paginator("list_objects_v2")
        with failures_told():
            for page in pages.paginate(Bucket=prefix.bucket, Prefix=prefix.key):
                for entry in page.get("Contents", ()):
                    if is_media_name(entry["Key"]) and entry["Size"]:
                        yield prefix.beside(entry["Key"])

    def _client(self, address: Address) -> Any:
        return self._cloud.client("s3", address.region)

    def _stream(self, body: Any, size: int) -> IO[bytes]:
        # Without a name there is nothing that a killed process could leave behind.
        file = tempfile.TemporaryFile(dir=self._data.temp_dir)  # noqa: SIM115 (the caller closes it)
        try:
            for chunk in body.iter_chunks(CHUNK):
                file.write(chunk)
            if file.tell() != size:
                raise CloudUnavailable("The download from S3 broke off.")
        except BaseException:
            file.close()
            raise
        return file

    def _keep(self, address: Address, file: IO[bytes]) -> Path | None:
        folder = self._data.s3_cache_dir
        if self._data.cleanup_temp_files or folder is None:
            return None
        path = folder / address.bucket / address.key.replace("/", "%2F")
        path.parent.mkdir(parents=True, exist_ok=True)
        file.seek(0)
        replace_file(path, file.read(), private=True)
        return path


def _info(answer: dict[str, Any]) -> ObjectInfo:
    modified: datetime | None = answer.get("LastModified")
    return ObjectInfo(
        size=int(answer["ContentLength"]),
        content_type=answer.get("ContentType"),
        last_modified=modified.strftime("%Y-%m-%dT%H:%M:%SZ") if modified else None,
        etag=str(answer.get("ETag", "")).strip('"') or None,
    )
