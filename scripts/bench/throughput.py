"""Throughput over HTTP, as a ratio to bare decode + detect + infer on the same cores.

The bare figure is the same analyzer called directly, by as many threads of one process as there are
usable cores, or by one where the load is one client. The HTTP figure carries base64, JSON, licence,
store and the load's own client.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from scripts.bench.load import Load, distinct, phone_selfie, run
from service.analysis.analyzer import Analyzer
from service.runtime import usable_cores
from service.settings import load_settings
from tests.live import Live

SECONDS = 15.0


def bare(selfie: bytes, threads: int, seconds: float = SECONDS) -> float:
    """Images a second of the analyzer alone."""
    analyzer, done = Analyzer.load(load_settings()), [0] * threads
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
    ratio = load.rate / reference
    statuses = dict(load.statuses)
    return f"{concurrency:11d}  {load.rate:10.1f}  {ratio:5.2f}  {latencies}  {statuses}"


def main() -> None:
    """Print one row a concurrency."""
    selfie, cores = phone_selfie(), usable_cores()
    print(f"selfie: {len(selfie) / 1000:.0f} KB, 1080x1440; cores: {cores}")
    reference = {threads: bare(selfie, threads) for threads in {1, cores}}
    for threads, rate in reference.items():
        print(f"bare analyzer, {threads} threads: {rate:.1f} images/s")
    print("concurrency  requests/s  ratio   p50 ms   p95 ms   p99 ms  statuses")
    with TemporaryDirectory() as folder, Live(Path(folder), workers=cores) as service:
        run(service.base, service.hash_id, selfie, cores, 3.0)
        for concurrency in (1, cores, 4 * cores):
            load = run(service.base, service.hash_id, selfie, concurrency, SECONDS)
            print(row(concurrency, load, reference[min(concurrency, cores)]))
    print(f"bare analyzer again, {cores} threads: {bare(selfie, cores):.1f} images/s")


if __name__ == "__main__":
    main()
