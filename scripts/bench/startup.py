"""From process start to `Service is Live.`, several times over."""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from service.runtime import usable_cores
from tests.live import Live

RUNS = 5


def once() -> float:
    """Seconds of one start."""
    started = time.perf_counter()
    with TemporaryDirectory() as folder, Live(Path(folder), workers=usable_cores()):
        return time.perf_counter() - started


def main() -> None:
    """Print each start and the median."""
    times = [once() for _ in range(RUNS)]
    print("seconds to live:", " ".join(f"{t:.2f}" for t in times))
    print(f"median {statistics.median(times):.2f}, worst {max(times):.2f}")


if __name__ == "__main__":
    main()
