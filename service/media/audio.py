"""The sound of a recording or a video, guarded: decoded by a child process, 16 kHz mono."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from service.errors import NoSound
from service.media.decoding import messages
from service.media.medium import Medium
from service.settings import Settings

RATE = 16_000  # Hz


@dataclass(frozen=True, eq=False)
class Sound:
    """`samples`: float32, mono, 16 kHz, -1..1; the rest as it was recorded, seconds as counted."""

    samples: np.ndarray
    format: str
    codec: str
    seconds: float
    sample_rate: int
    channels: int


def sound(medium: Medium, settings: Settings) -> Sound:
    """The first audio stream of a recording or a video. Raises the MediaError family."""
    pieces, facts = [], None
    for head, payload in messages(medium, settings, "sound"):
        if head["type"] == "samples":
            pieces.append(payload)
        else:
            facts = head
    if facts is None:
        raise NoSound
    samples = np.frombuffer(b"".join(pieces), np.float32)
    known = ("format", "codec", "seconds", "sample_rate", "channels")
    return Sound(np.nan_to_num(samples), **{name: facts[name] for name in known})
