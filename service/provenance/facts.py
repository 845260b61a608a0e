"""What is told of a picture's provenance. Frozen: the same object is rendered and stored."""

from __future__ import annotations

from typing import Literal

from pydantic.dataclasses import dataclass

Action = Literal["report", "flag", "refuse"]
Kind = Literal[
    "generator", "face_swap", "editor", "screen_capture", "video_software", "messenger", "library"
]
Says = Literal["ai_generated", "ai_edited", "edited", "captured"]


@dataclass(frozen=True)
class ContentCredentials:
    """A C2PA manifest.

    state: `unchecked` where the optional part that checks them is not installed; `valid`: neither
    picture nor manifest was changed since somebody signed; `trusted`: and who signed stands in the
    operator's list. says: what the manifest tells of the picture's making.
    """

    state: Literal["unchecked", "invalid", "valid", "trusted"]
    says: tuple[Says, ...] = ()
    by: str | None = None


@dataclass(frozen=True)
class Tool:
    """Software that left its mark; `where` is the field that holds it."""

    name: str
    kind: Kind
    where: str


@dataclass(frozen=True)
class Encoder:
    """How a JPEG was written.

    family: `libjpeg` (the standard's tables, scaled by a quality of 1 to 100), `mpeg` (tables of
    video codecs, as MJPEG streams have them) or `own` (tables of the maker's).
    sampling: of the colour, as `4:2:0`; huffman: `standard` tables or `optimised` ones.
    """

    family: Literal["libjpeg", "mpeg", "own"]
    quality: int | None
    sampling: str
    progressive: bool
    huffman: Literal["standard", "optimised"]


@dataclass(frozen=True)
class Camera:
    """What the EXIF data claim. Anybody can write them.

    taken_at: ISO 8601, without an offset where the file has none; notes: whether there is a part
    in the maker's own format.
    """

    maker: str
    model: str
    taken_at: str | None = None
    notes: bool = False


@dataclass(frozen=True)
class Facts:
    """What the bytes of a picture say.

    source_type: IPTC's term for the digital source, the last part of its address.
    thumbnail: whether the small picture within shows the same as the large one.
    saved_before: libjpeg quality of an earlier saving whose traces are left.
    enlarged: how often larger the picture was made than it was, where traces are left.
    """

    width: int = 0
    height: int = 0
    credentials: ContentCredentials | None = None
    source_type: str | None = None
    tools: tuple[Tool, ...] = ()
    camera: Camera | None = None
    encoder: Encoder | None = None
    thumbnail: Literal["none", "same", "other"] = "none"
    saved_before: int | None = None
    enlarged: float | None = None


@dataclass(frozen=True)
class Signal:
    """A rule that holds for this picture, and what the operator wants done."""

    rule: str
    action: Action
    sentence: str


@dataclass(frozen=True)
class Provenance:
    """Facts, and the rules that hold for them; `rules` names the rule set."""

    facts: Facts
    rules: str = ""
    flagged: bool = False
    signals: tuple[Signal, ...] = ()
