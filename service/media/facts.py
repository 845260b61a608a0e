"""What is known of a video or recording that was decoded; part of every judgement of it."""

from __future__ import annotations

from pydantic.dataclasses import dataclass


@dataclass(frozen=True)
class VideoFacts:
    """The input: SHA-256 of its bytes, container and codec by content, size of the upright frames.

    seconds and frames are what was found, not what the header claims; fps is their quotient;
    rotation: degrees clockwise that the metadata asks for, after it had the frame mirrored.
    """

    sha256: str
    format: str
    codec: str
    width: int
    height: int
    seconds: float
    frames: int
    fps: float
    rotation: int
    has_audio: bool


@dataclass(frozen=True)
class AudioFacts:
    """The input: SHA-256 of its bytes, container and codec by content, as it was recorded."""

    sha256: str
    format: str
    codec: str
    seconds: float
    sample_rate: int
    channels: int
