"""Addresses of S3 objects and prefixes, in the forms that people paste."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qs, quote, unquote, urlsplit

HOST = re.compile(
    r"(?:(?P<bucket>[a-z0-9][a-z0-9.-]+)\.)?s3[.-]"
    r"(?:(?P<region>[a-z]{2,}(?:-[a-z]+)+-\d)\.)?amazonaws\.com(?:\.cn)?"
)
BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


@dataclass(frozen=True)
class Address:
    """An object, or a prefix when `key` is empty or ends with a slash."""

    bucket: str
    key: str
    region: str | None = None  # only where the address names it

    @property
    def is_prefix(self) -> bool:
        return not self.key or self.key.endswith("/")

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    def url(self) -> str:
        """The https form, which names the region; the one without where there is none."""
        if self.region is None:
            return str(self)
        return f"https://{self.bucket}.s3.{self.region}.amazonaws.com/{quote(self.key)}"

    def beside(self, key: str) -> Address:
        """Another key of the same bucket."""
        return Address(self.bucket, key, self.region)


def parse(text: str) -> Address | None:
    """The S3 address in `text`, or None when it is something else.

    `s3://bucket/key`, `https://bucket.s3.region.amazonaws.com/key`, and the same with the bucket in
    the path. A pre-signed address is its own permission and is fetched as any other address is.
    """
    if text.lower().startswith("s3://"):
        bucket, _, key = text[5:].partition("/")
        return Address(bucket, key) if BUCKET.fullmatch(bucket) else None
    return _from_https(text)


def _from_https(text: str) -> Address | None:
    try:
        parts = urlsplit(text)
        host = HOST.fullmatch(parts.hostname or "")
    except ValueError:
        return None
    if parts.scheme != "https" or host is None or _signed(parts.query):
        return None
    bucket, path = host["bucket"], unquote(parts.path).removeprefix("/")
    if bucket is None:
        bucket, _, path = path.partition("/")
    return Address(bucket, path, host["region"]) if BUCKET.fullmatch(bucket) else None


def _signed(query: str) -> bool:
    return bool({"X-Amz-Signature", "Signature"} & parse_qs(query).keys())
