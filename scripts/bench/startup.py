"""From process start to `Service is Live.`, several times over."""

from __future__ import annotations

import statistics
import time
from tempfile import TemporaryDirectory

from scripts.bench.live import live

RUNS = 5


def once() -> float:
    """Seconds of one start."""
    started = time.perf_counter()
    with TemporaryDirectory() as folder, live(folder):
        return time.perf_counter() - started


def main() -> None:
    """Print each start and the median."""
    times = [once() for _ in range(RUNS)]
    print("seconds to live:", " ".join(f"{t:.2f}" for t in times))
    print(f"median {statistics.median(times):.2f}, worst {max(times):.2f}")


if __name__ == "__main__":
    main()
