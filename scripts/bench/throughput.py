"""Throughput over HTTP, as a ratio to bare decode + detect + infer on the same cores.

The bare figure is the same analyzer called directly, by as many threads of one process as there are
usable cores, or by one where the load is one client. It is taken right before and right after each
load and averaged, for a shared machine is not equally fast from minute to minute. The HTTP figure
carries base64, JSON, licence, store and the load's own client.
"""

from __future__ import annotations

import threading
import time
from tempfile import TemporaryDirectory

from scripts.bench.live import live
from scripts.bench.load import Load, distinct, phone_selfie, run
from service.analysis.image import Analyzer
from service.runtime.machine import usable_cores
from service.settings import load_settings

SECONDS = 16.0
HEAD = "concurrency  bare images/s  requests/s  ratio   p50 ms   p95 ms   p99 ms  statuses"


def bare(analyzer: Analyzer, selfie: bytes, threads: int, seconds: float = SECONDS / 2) -> float:
    """Images a second of the analyzer alone."""
    done = [0] * threads
    end = time.monotonic() + seconds

    def work(index: int) -> None:
        while time.monotonic() < end:
            analyzer.analyze(distinct(selfie))
            done[index] += 1

    workers = [threading.Thread(target=work, args=(i,)) for i in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return sum(done) / seconds


def row(concurrency: int, load: Load, reference: float) -> str:
    """One line of the table."""
    latencies = "  ".join(f"{load.percentile(percent):7.1f}" for percent in (50, 95, 99))
    rates = f"{reference:13.1f}  {load.rate:10.1f}  {load.rate / reference:5.2f}"
    return f"{concurrency:11d}  {rates}  {latencies}  {dict(load.statuses)}"


def main() -> None:
    """Print one row a concurrency."""
    selfie, cores, settings = phone_selfie(), usable_cores(), load_settings()
    analyzer, form = Analyzer.load(settings), f"{len(selfie) / 1000:.0f} KB, 1080x1440"
    print(f"{settings.profile}; selfie: {form}; cores: {cores}\n{HEAD}")
    with TemporaryDirectory() as folder, live(folder) as service:
        run(service.base, service.hash_id, selfie, cores, 3.0)
        for concurrency in (1, cores, 4 * cores):
            before = bare(analyzer, selfie, min(concurrency, cores))
            load = run(service.base, service.hash_id, selfie, concurrency, SECONDS)
            after = bare(analyzer, selfie, min(concurrency, cores))
            print(row(concurrency, load, (before + after) / 2), flush=True)


if __name__ == "__main__":
    main()
