"""The sound of a recording or a video, guarded: decoded by a child process, 16 kHz mono."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from service.errors import NoSound
from service.media.decoding import messages
from service.media.facts import AudioFacts
from service.media.medium import Medium
from service.settings import Settings

RATE = 16_000  # Hz


@dataclass(frozen=True, eq=False)
class Sound:
    """`samples`: float32, mono, 16 kHz, -1..1."""

    samples: np.ndarray
    facts: AudioFacts


def sound(medium: Medium, settings: Settings) -> Sound:
    """The track of a recording or a video that players play. Raises the MediaError family."""
    pieces: list[bytes] = []
    facts = None
    for head, payload in messages(medium, settings, "sound"):
        kind = head.pop("type")
        if kind == "samples":
            pieces.append(payload)
        elif kind == "again":  # the decoder begins anew
            pieces.clear()
        else:
            head.pop("size")
            facts = AudioFacts(medium.sha256, **head)
    if facts is None:
        raise NoSound
    return Sound(np.nan_to_num(np.frombuffer(b"".join(pieces), np.float32)), facts)
