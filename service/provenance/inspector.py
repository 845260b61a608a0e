"""From the bytes of a picture to facts about its provenance. Bounded; garbage gives few facts."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from service.media.image import DecodedImage
from service.provenance import xmp
from service.provenance.containers import Parts, read_parts
from service.provenance.credentials import Checker
from service.provenance.facts import Camera, Facts, Provenance
from service.provenance.pixels import measured
from service.provenance.rules import RuleSet, Value, load_rules
from service.provenance.tables import encoder
from service.settings import Settings

MAX_NAME = 64  # characters of a maker or a model


class Inspector:
    """Safe for threads. Raises StartupError where the rules are unusable."""

    def __init__(self, settings: Settings) -> None:
        self.rules: RuleSet = load_rules(settings)
        self._checker = Checker(settings.provenance_anchors)

    def facts(self, data: bytes, image: DecodedImage | None = None) -> Facts:
        """What the bytes tell; `image`: the same decoded, for its size and what pixels tell."""
        parts = read_parts(data)
        found = encoder(parts)
        seen = measured(parts, found, image)
        return Facts(
            width=image.width if image else 0,
            height=image.height if image else 0,
            credentials=self._checker.check(data, parts.format, parts.manifest),
            source_type=xmp.source_type(parts.xmp),
            tools=self.rules.tools([*parts.texts, *xmp.fields(parts.xmp)]),
            camera=_camera(parts),
            encoder=found,
            thumbnail=seen.thumbnail,
            saved_before=seen.saved_before,
            enlarged=seen.enlarged,
        )

    def judge(self, facts: Facts, seen: Sequence[str] = (), now: float | None = None) -> Provenance:
        """The rules that hold now."""
        more: dict[str, Sequence[Value]] = {"seen": tuple(seen)}
        age = _age(facts.camera, time.time() if now is None else now)
        if age is not None:
            more["camera.age_days"] = (age,)
        if facts.camera is not None:
            more["camera.maker"] = (facts.camera.maker.lower(),)
        return self.rules.judge(facts, more)


def _camera(parts: Parts) -> Camera | None:
    texts = parts.exif.texts
    maker, model = (texts.get(name, "")[:MAX_NAME] for name in ("Make", "Model"))
    taken = _taken(texts.get("DateTimeOriginal", ""), texts.get("OffsetTimeOriginal", ""))
    if not maker and not model:
        return None
    return Camera(maker, model, taken, parts.exif.notes)


def _taken(text: str, offset: str) -> str | None:
    try:
        when = datetime.strptime(text[:19], "%Y:%m:%d %H:%M:%S")
        if offset:
            when = datetime.strptime(f"{text[:19]}{offset[:6]}", "%Y:%m:%d %H:%M:%S%z")
    except ValueError:
        return None
    return when.isoformat()


def _age(camera: Camera | None, now: float) -> float | None:
    """Days since a picture was taken. Where nothing says in which part of the world, it is taken
    for the offset that makes it youngest, or least far in the future."""
    if camera is None or camera.taken_at is None:
        return None
    try:
        taken = datetime.fromisoformat(camera.taken_at)
        if taken.tzinfo is not None:
            return (now - taken.timestamp()) / 86400
        utc = taken.replace(tzinfo=UTC)
        latest, earliest = utc + timedelta(hours=12), utc - timedelta(hours=14)
        if now >= latest.timestamp():
            return (now - latest.timestamp()) / 86400
        return min((now - earliest.timestamp()) / 86400, 0.0)
    except (ValueError, OverflowError):
        return None
