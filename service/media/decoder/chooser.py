"""Which decoded frames are sent: the first at or after each target, and some after a cut."""

from __future__ import annotations

import math
from typing import Any

from av.video.reformatter import Interpolation

from service.media.decoder.plan import DecodingPlan

CUT = 24.0  # mean difference of luma (0..255) between neighbours that is a change of scene
AFTER_CUT, BETWEEN = 3, 0.15  # frames looked at after it, and seconds between them
SMALL = 16  # pixels a side, to compare neighbours


class Chooser:
    """Decides frame by frame."""

    def __init__(self, todo: DecodingPlan, most: int) -> None:
        self._targets = list(todo.targets)
        self._spare = most - len(todo.targets)
        self._compare = todo.skip != "NONKEY" and self._spare > 0
        self._before: bytes | None = None
        self._after_cut, self._last = 0, -math.inf

    @property
    def done(self) -> bool:
        """Whether nothing more is wanted."""
        return not self._targets

    def wants(self, time: float, frame: Any) -> bool:
        """Whether this one is sent; every frame is shown to it once, in the order of time."""
        if self._compare and self._is_cut(frame):
            self._after_cut = AFTER_CUT
        due = bool(self._targets) and time >= self._targets[0] - 1e-6
        while self._targets and time >= self._targets[0] - 1e-6:
            self._targets.pop(0)
        extra = not due and self._extra(time)
        if due or extra:
            self._last = time
        return due or extra

    def _extra(self, time: float) -> bool:
        if not self._after_cut or not self._spare or time - self._last < BETWEEN:
            return False
        self._after_cut, self._spare = self._after_cut - 1, self._spare - 1
        return True

    def _is_cut(self, frame: Any) -> bool:
        small = frame.reformat(SMALL, SMALL, "gray", interpolation=Interpolation.POINT)
        now, before = _rows(small), self._before
        self._before = now
        if before is None:
            return False
        return sum(abs(a - b) for a, b in zip(now, before, strict=True)) > CUT * len(now)


def _rows(small: Any) -> bytes:
    plane = small.planes[0]
    data = bytes(plane)
    return b"".join(data[i * plane.line_size :][:SMALL] for i in range(SMALL))
