"""Which stretches of a recording the detectors look at."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from service.analysis.voice.speech import RATE

PAUSE = 1.0  # seconds: speech with shorter pauses is one passage, pauses and all
LEAST = 0.5  # seconds of speech in a window; one with less is left out, unless it is the only one
MOST = 64  # windows; of a longer recording as many, evenly spread

Stretch = tuple[int, int]  # first sample and the one after the last


def windows(stretches: Sequence[Stretch], seconds: float) -> list[Stretch]:
    """Windows of at most so many seconds that together cover the speech, in their order."""
    cut = [window for one in _passages(stretches) for window in _cut(one, round(seconds * RATE))]
    full = [one for one in cut if spoken(one, stretches) >= LEAST * RATE]
    chosen = full or [max(cut, key=lambda one: spoken(one, stretches))]
    if len(chosen) <= MOST:
        return chosen
    return [chosen[index * len(chosen) // MOST] for index in range(MOST)]


def spoken(window: Stretch, stretches: Sequence[Stretch]) -> int:
    """Samples of speech in a window."""
    start, end = window
    return sum(max(0, min(end, last) - max(start, first)) for first, last in stretches)


def _passages(stretches: Sequence[Stretch]) -> list[Stretch]:
    passages: list[Stretch] = []
    for start, end in stretches:
        if passages and start - passages[-1][1] < PAUSE * RATE:
            passages[-1] = (passages[-1][0], end)
        else:
            passages.append((start, end))
    return passages


def _cut(passage: Stretch, longest: int) -> list[Stretch]:
    """Into equal parts, as few as possible."""
    start, end = passage
    parts = -(-(end - start) // longest)
    edges = [start + (end - start) * index // parts for index in range(parts + 1)]
    return list(pairwise(edges))
