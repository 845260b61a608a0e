"""Judge a path or an address, and return contract 4's result. From Python:

predictor = Predictor.load()
predictor.predict_auto("s3://bucket/selfie.jpg")["label"]
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from service.analysis.judgement import Analysis
from service.cloud import result
from service.cloud.aws.config import load_config
from service.cloud.aws.s3 import S3
from service.cloud.aws.session import Cloud
from service.cloud.result import LINE, Asked, Source
from service.errors import (
    BodyTooLarge,
    CannotJudge,
    ImageError,
    MediaError,
    ProvenanceRefused,
    Unreadable,
    UnsupportedMedia,
)
from service.judging.judge import Judge
from service.media.address import Address, parse
from service.media.fetching import MEDIA, Fetcher
from service.media.kinds import kind_by_name
from service.media.medium import Medium
from service.media.sizes import largest, too_large
from service.settings import Settings, load_settings

FINAL = (CannotJudge, ProvenanceRefused, ImageError, MediaError, UnsupportedMedia, BodyTooLarge)


@dataclass(frozen=True)
class LoadedMedium:
    """A medium and where it lay."""

    medium: Medium
    source: Source


class Predictor:
    """Reads media from disk, S3 or the web and has them judged. Safe for threads."""

    def __init__(self, settings: Settings, judge: Judge, cloud: Cloud) -> None:
        self._settings = settings
        self._judge = judge
        self._s3 = S3(cloud, settings)
        self._fetcher = Fetcher(settings)

    @classmethod
    def load(cls, settings: Settings | None = None, cloud: Cloud | None = None) -> Self:
        """Make one from settings and credentials of the environment. Raises StartupError."""
        settings = settings or load_settings()
        return cls(settings, Judge.load(settings), cloud or Cloud(load_config()))

    def predict_auto(self, path_or_url: str | Path, threshold: float = LINE) -> dict[str, Any]:
        """The result of one medium; a medium that cannot be judged gives one without a label.

        Raises CloudError, FetchError or Unreadable where there are no bytes to judge.
        """
        where = str(path_or_url)
        return self.result(Asked(str(uuid.uuid4()), where, threshold), self.load_bytes(where))

    def result(self, asked: Asked, loaded: LoadedMedium) -> dict[str, Any]:
        """The result for these bytes."""
        try:
            return result.judged(asked, loaded.source, self.analyze(loaded))
        except FINAL as error:
            return result.unjudged(asked, loaded.source, error)

    def analyze(self, loaded: LoadedMedium) -> Analysis:
        """Raises one of FINAL, or Unavailable."""
        return self._judge.judge(loaded.medium, owner=None).analysis

    @property
    def fingerprint(self) -> str:
        """Short hash of everything that an answer depends on besides the image."""
        return self._judge.fingerprint

    def load_bytes(self, where: str) -> LoadedMedium:
        """The bytes behind a path or an address. Raises as `predict_auto` does."""
        address = parse(where)
        if address is not None:
            return self.load_object(address)
        if where.lower().startswith(("http://", "https://")):
            medium = Medium.of(self._fetcher.fetch(where, MEDIA), name=where)
            return LoadedMedium(medium, Source(where.partition("?")[0], medium.kind))
        return self._load_file(Path(where))

    def load_object(self, address: Address) -> LoadedMedium:
        """The bytes of an S3 object. Raises CloudError or BodyTooLarge."""
        fetched = self._s3.fetch(address)
        with fetched.file as file:
            file.seek(0)
            medium = Medium.receive(file, fetched.info.size, address.key)
        source = Source(
            path=str(address),
            kind=medium.kind,
            local_path=str(fetched.path) if fetched.path else None,
            info=fetched.info,
            is_s3=True,
        )
        return LoadedMedium(medium, source)

    def _load_file(self, path: Path) -> LoadedMedium:
        try:
            with path.open("rb") as file:
                medium = Medium.receive(file, largest(path.name, self._settings), path.name)
        except OSError as error:
            raise Unreadable(f"The file cannot be read: {error.strerror}.") from None
        except BodyTooLarge:
            raise BodyTooLarge(too_large("file", path.name)) from None
        return LoadedMedium(medium, Source(str(path), medium.kind, str(path)))


def named_source(where: str) -> Source:
    """What an address alone tells, where there are no bytes."""
    address = parse(where)
    path = str(address) if address else where.partition("?")[0]
    return Source(path, kind_by_name(path) or "image", is_s3=address is not None)
