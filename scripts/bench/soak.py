"""Ten minutes of load: memory must stay flat, and nothing may fail.

Memory is the proportional set size (PSS) of gunicorn's whole process tree, once a second; the
figure compares the median of the last minute with that of the second.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import threading
import time
from tempfile import TemporaryDirectory

import psutil

from scripts.bench.live import live
from scripts.bench.load import phone_selfie, run
from service.runtime.machine import usable_cores

ALLOWED_GROWTH = 0.05


def tree_memory(pid: int) -> float:
    """MiB of a process and all its children."""
    root, total = psutil.Process(pid), 0
    for process in (root, *root.children(recursive=True)):
        try:
            total += process.memory_full_info().pss
        except psutil.NoSuchProcess:
            continue
    return total / 2**20


def watch(pid: int, samples: list[float], stop: threading.Event) -> None:
    """One sample a second."""
    while not stop.wait(1.0):
        samples.append(tree_memory(pid))


def main() -> int:
    """Exit 1 when memory grew or a request failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    seconds = 60 * parser.parse_args().minutes
    samples: list[float] = []
    stop = threading.Event()
    with TemporaryDirectory() as folder, live(folder) as service:
        watcher = threading.Thread(target=watch, args=(service.process.pid, samples, stop))
        watcher.start()
        load = run(service.base, service.hash_id, phone_selfie(), 2 * usable_cores(), seconds)
        stop.set()
        watcher.join()
    window = max(1, len(samples) // 10)
    before, after = (
        statistics.median(part) for part in (samples[window : 2 * window], samples[-window:])
    )
    growth = after / before - 1
    print(f"{time.strftime('%F')}: {dict(load.statuses)} in {seconds:.0f} s, {load.rate:.1f}/s")
    print(f"memory: {before:.0f} -> {after:.0f} MiB ({growth:+.1%})")
    return int(growth > ALLOWED_GROWTH or set(load.statuses) != {200})


if __name__ == "__main__":
    sys.exit(main())
