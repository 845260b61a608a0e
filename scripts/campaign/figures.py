"""What happened in a campaign, and how it is told."""

from __future__ import annotations

import re
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from tests.faults.load import Load

INNARDS = re.compile(r"Traceback|fg_\w{8}|data:image|Bearer ")


class Figures:
    """Shared by all threads of a campaign."""

    def __init__(self) -> None:
        self.faults: Counter[str] = Counter()
        self.inputs: Counter[str] = Counter()
        self.mishaps: Counter[str] = Counter()
        self.probes: list[float] = []
        self.lost_probes = 0
        self.slow = 0
        self.leaks = 0

    @contextmanager
    def noting(self, name: str) -> Iterator[None]:
        """Goes on after what nobody foresaw, which is printed, and fails the campaign."""
        try:
            yield
        except Exception as error:
            traceback.print_exc()
            self.mishaps[f"{name}: {type(error).__name__}"] += 1

    def tell(self) -> None:
        print(f"faults: {sum(self.faults.values())} {dict(self.faults)}")
        print(f"bad inputs: {sum(self.inputs.values())} {dict(self.inputs.most_common(12))}")
        print(f"slow connections ended: {self.slow}")
        times = sorted(self.probes) or [0.0]
        middle, most = times[len(times) // 2], times[-1]
        print(f"/healthz: {len(self.probes)} answered, median {middle * 1000:.0f} ms,", end=" ")
        print(f"99 % {times[len(times) * 99 // 100]:.2f} s, worst {most:.2f} s,", end=" ")
        print(f"{self.lost_probes} lost (restarts included)")
        print(f"mishaps of the campaign itself: {dict(self.mishaps)}")


def tell_load(name: str, load: Load, seconds: float, missing: int) -> None:
    """How much was judged, what came instead, and what became of the results."""
    judged = sum(status == 200 for status, _ in load.answers)
    stored = sum(status == 200 and bool(body["stored"]) for status, body in load.answers)
    statuses = dict(Counter(status for status, _ in load.answers))
    print(f"{name}: {len(load.answers)} answers {statuses}, {judged / seconds:.1f} judged a second")
    broken = Counter(type(error).__name__ for error in load.broken)
    print(f"  connections broken: {len(load.broken)} {dict(broken)}")
    print(f"  called stored: {stored}, of these missing: {missing}", end=", ")
    print(f"judged and told not stored: {judged - stored}")
