"""What kind of medium some bytes are, by content first."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Literal

from service.media import formats
from service.media.formats import format_of

Kind = Literal["image", "video", "audio"]
SUFFIXES: dict[Kind, frozenset[str]] = {
    "image": formats.SUFFIXES,
    "video": frozenset((".mp4", ".avi", ".mov", ".mkv", ".wmv", ".webm", ".m4v", ".3gp", ".asf")),
    "audio": frozenset(
        (".wav", ".mp3", ".flac", ".m4a", ".ogg", ".oga", ".opus", ".aac", ".amr", ".wma")
    ),
}

# Second bytes of a frame, after 0xFF; a JPEG begins with FF D8.
MP3, ADTS = (b"\xfb", b"\xfa", b"\xf3", b"\xf2", b"\xe3", b"\xe2"), (b"\xf1", b"\xf9")
QUICKTIME = (b"moov", b"mdat", b"wide", b"free", b"skip")  # first atoms of files without a brand
SUBTYPES = {
    **{b"ID3": "mpeg", b"fLaC": "flac", b"OggS": "ogg", b"#!AMR": "amr"},
    **{b"\xff" + second: "mpeg" for second in MP3},
    **{b"\xff" + second: "aac" for second in ADTS},
    **{b"\x1aE\xdf\xa3": "x-matroska", b"0&\xb2u": "x-ms-wmv"},
}
TS_PACKET = 188  # bytes of MPEG-TS, each with the same first one


def kind_of(data: bytes, name: str = "") -> Kind:
    """By the first bytes; by the name where they say nothing, and `image` where neither does."""
    if format_of(data) is not None:
        return "image"
    kind = _container(data) or _unread(data)
    if kind == "video" and kind_by_name(name) == "audio":
        return "audio"  # containers of videos also hold sound alone: .m4a with the brand isom
    return kind or kind_by_name(name) or "image"


def kind_by_name(name: str) -> Kind | None:
    suffix = PurePosixPath(name).suffix.lower()
    return next((kind for kind, known in SUFFIXES.items() if suffix in known), None)


def is_media_name(name: str) -> bool:
    """Whether a file's name promises an image, a video or a recording."""
    return formats.is_image_name(name) or (
        kind_by_name(name) in ("video", "audio")
        and not PurePosixPath(name).name.startswith(formats.APPLE_DOUBLE)
    )


def media_type(data: bytes) -> str:
    """Such as `video/mp4`, by content alone. Raises ImageError for what is no medium."""
    kind = _container(data) if format_of(data) is None else None
    return f"{kind}/{_subtype(data)}" if kind else formats.media_type(data)


def _subtype(data: bytes) -> str:
    if data[:4] == b"RIFF":
        return "wav" if data[8:12] == b"WAVE" else "x-msvideo"
    known = (name for magic, name in SUBTYPES.items() if data.startswith(magic))
    return next(known, "quicktime" if data[4:8] in QUICKTIME else "mp4")


def _container(data: bytes) -> Kind | None:
    if data[:4] == b"RIFF":
        return {b"AVI ": "video", b"WAVE": "audio"}.get(data[8:12])  # type: ignore[return-value]
    if data[4:8] == b"ftyp":
        return "audio" if data[8:11] in (b"M4A", b"M4B") else "video"
    if data.startswith((b"ID3", b"fLaC", b"OggS", b"#!AMR")) or _is_mpeg_audio(data):
        return "audio"
    if data[4:8] in QUICKTIME:
        return "video"
    return "video" if data.startswith((b"\x1aE\xdf\xa3", b"0&\xb2u")) else None


def _unread(data: bytes) -> Kind | None:
    """Of sound and footage that is not decoded here, so that it is refused as what it is."""
    if data.startswith((b".snd", b"caff")) or (data[:4] == b"FORM" and data[8:11] == b"AIF"):
        return "audio"
    return "video" if data[: 3 * TS_PACKET : TS_PACKET] == b"GGG" else None


def _is_mpeg_audio(data: bytes) -> bool:
    """A first frame of MP3 or of AAC (ADTS) without a tag before it."""
    return data[:1] == b"\xff" and data[1:2] in (*MP3, *ADTS)
