"""How long a recording says that it is; FFmpeg's guess from a bit rate is no such word."""

from __future__ import annotations

import os
import struct
from typing import Any

GUESSED = ("aac", "amr")  # formats without a head that tells a length
FIRST = 2**16  # bytes behind an MP3's tags in which its first frame begins
TAG, FOOTER = 10, 0x10  # bytes of an ID3v2 head, and the flag of as many behind the tag
MOST_TAGS = 16
NUMBERED = 1  # flag of Xing and Info: the number of frames follows


def announced(descriptor: int, container: Any, stream: Any) -> float:
    """Seconds of sound; 0 where nobody says so."""
    name = container.format.name
    if name in GUESSED or (name == "mp3" and not _counts_frames(descriptor)):
        return 0.0
    if stream.duration is not None and stream.time_base:
        return float(stream.duration * stream.time_base)
    return float(container.duration or 0) / 1_000_000 if not container.streams.video else 0.0


def _counts_frames(descriptor: int) -> bool:
    """Whether an MP3 tells its number of frames, in a first frame that has no sound."""
    head = os.pread(descriptor, FIRST, _behind_tags(descriptor))
    for name in (b"Xing", b"Info"):
        at = head.find(name)
        if 0 <= at <= len(head) - 12:
            flags, frames = struct.unpack_from(">II", head, at + 4)
            return bool(flags & NUMBERED and frames)
    return b"VBRI" in head


def _behind_tags(descriptor: int) -> int:
    at = 0
    for _ in range(MOST_TAGS):
        tag = os.pread(descriptor, TAG, at)
        if len(tag) < TAG or not tag.startswith(b"ID3"):
            break
        size = sum((byte & 0x7F) << 7 * place for place, byte in enumerate(tag[:5:-1]))
        at += TAG + size + (TAG if tag[5] & FOOTER else 0)
    return at
