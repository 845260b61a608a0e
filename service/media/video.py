"""Frames of a video, guarded: decoded by a child process, upright and in 8-bit RGB."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from service.media import high_range
from service.media.decoding import messages
from service.media.facts import VideoFacts
from service.media.medium import Medium
from service.settings import Settings


@dataclass(frozen=True, eq=False)
class Picture:
    """A frame: seconds from the first one, and HxWx3 uint8 RGB, upright, at most 1920 a side;
    `scale` is pixels of the video for each of its pixels."""

    time: float
    pixels: np.ndarray
    scale: float


def frames(medium: Medium, settings: Settings) -> Iterator[VideoFacts | Picture]:
    """First the facts, then about two frames a second, 32 at most, in the order of time.

    More around changes of scene; of long footage those at key frames. One frame is in memory at a
    time. Raises the MediaError family at any time.
    """
    facts: VideoFacts | None = None
    with closing(messages(medium, settings, "pictures")) as said:  # type: ignore[type-var]
        for head, payload in said:
            if head.pop("type") == "facts":
                head.pop("size")
                facts = VideoFacts(medium.sha256, **head)
                yield facts
            elif facts is not None:
                yield _picture(head, payload, facts)


def _picture(head: dict[str, Any], payload: bytes, facts: VideoFacts) -> Picture:
    width, height, stride = head["width"], head["height"], head["stride"]
    rows = np.frombuffer(payload, np.uint8)[: stride * height].reshape(height, stride)
    pixels = rows[:, : width * 3].reshape(height, width, 3)
    pixels = pixels[:, ::-1] if head["mirrored"] else pixels
    # PyAV counts against the clock, as NumPy does.
    upright = np.ascontiguousarray(np.rot90(pixels, round(head["rotation"] / 90) % 4))
    if head["transfer"]:
        upright = high_range.to_standard(upright, head["transfer"])
    scale = max(facts.width, facts.height) / max(upright.shape[:2])
    return Picture(head["time"], upright, scale)


def luma(pixels: np.ndarray) -> float:
    """Mean luma of a frame, 0..1."""
    small = cv2.resize(pixels, (64, 64), interpolation=cv2.INTER_AREA)
    return float(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).mean() / 255)
