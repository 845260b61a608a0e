"""Which frames to look at, from the times of a stream's packets. Plain numbers, no FFmpeg."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

RATE = 2.0  # frames a second
FEWEST = 8
CUTS = 0.25  # share of the frames that is left for changes of scene
MANY = 6  # frames for each one looked at, where those that none refers to can be left out
SEQUENTIAL = 60.0  # seconds; longer footage is looked at from key frame to key frame
# Pixels decoded for each frame looked at, above which it is, too. 4K in HEVC with 10 bits takes
# 68 ms a frame, and three seconds are the limit: 24 such frames are half of them.
DEAR = 200_000_000


@dataclass(frozen=True, slots=True)
class Packet:
    """A packet: when it is shown, in seconds from the first one, whether it is a key frame, and
    whether it is shown at all: others may refer to one that is not."""

    time: float
    key: bool
    shown: bool = True


@dataclass(frozen=True)
class DecodingPlan:
    """targets: seconds, rising; fed: of each packet, whether the decoder needs it; skip: frames
    that it leaves out, by FFmpeg's names."""

    targets: tuple[float, ...]
    fed: tuple[bool, ...]
    skip: Literal["DEFAULT", "NONREF", "NONKEY"]


def plan(seen: Sequence[Packet], seconds: float, most: int, pixels: int = 0) -> DecodingPlan:
    """Frames spread evenly; of long footage, or of much with so many pixels, those at or after
    key frames, which cost little."""
    count = _count(seen, seconds, most)
    last = max((one.time for one in seen if one.shown), default=0.0)
    even = [min((i + 0.5) * seconds / count, last) for i in range(count)]
    skip: Literal["DEFAULT", "NONREF"] = "NONREF" if len(seen) > MANY * count else "DEFAULT"
    dear = len(seen) * pixels > DEAR * count
    if seconds <= SEQUENTIAL and not dear:
        return DecodingPlan(tuple(even), (True,) * len(seen), skip)
    keys = sorted(one.time for one in seen if one.key and one.shown)
    if len(keys) >= (min(count, FEWEST) if dear else count):
        targets = sorted({_nearest(keys, time) for time in even})
        chosen = set(targets)
        fed = tuple(one.key and one.time in chosen for one in seen)
        return DecodingPlan(tuple(targets), fed, "NONKEY")
    return _after_keys(seen, keys or [0.0], count)


def _count(seen: Sequence[Packet], seconds: float, most: int) -> int:
    base = max(1, int(most * (1 - CUTS)))
    return max(1, min(base, len(seen), max(FEWEST, round(seconds * RATE))))


def _nearest(times: Sequence[float], time: float) -> float:
    at = bisect_left(times, time)
    return min(times[max(0, at - 1) : at + 1], key=lambda one: abs(one - time))


def _after_keys(seen: Sequence[Packet], keys: Sequence[float], count: int) -> DecodingPlan:
    """Few key frames: some frames after each, for what lies far from one is dear."""
    each = -(-count // len(keys))
    targets = sorted({key + i / RATE for key in keys for i in range(each)})
    fed, last = [], float("-inf")
    for one in seen:  # as they are decoded, so that what a frame refers to comes before it
        last = one.time if one.key else last
        fed.append(one.time - last <= each / RATE)
    return DecodingPlan(tuple(targets), tuple(fed), "NONREF")
