"""Throughput over HTTP, as a ratio to bare decode + detect + infer on the same cores.

The bare figure is the same analyzer called directly, by as many threads of one process as there are
usable cores. The HTTP figure carries base64, JSON, licence, store and the load's own client.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from scripts.bench.load import distinct, phone_selfie, run
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


def main() -> None:
    """Print one row a concurrency."""
    selfie, cores = phone_selfie(), usable_cores()
    print(f"selfie: {len(selfie) / 1000:.0f} KB, 1080x1440; cores: {cores}")
    reference = bare(selfie, cores)
    print(f"bare analyzer, {cores} threads: {reference:.1f} images/s")
    print("concurrency  requests/s  ratio   p50 ms   p95 ms   p99 ms  statuses")
    with TemporaryDirectory() as folder, Live(Path(folder), workers=cores) as service:
        run(service.base, service.hash_id, selfie, cores, 3.0)
        for concurrency in (1, cores, 4 * cores):
            load = run(service.base, service.hash_id, selfie, concurrency, SECONDS)
            row = [load.percentile(p) for p in (50, 95, 99)]
            print(
                f"{concurrency:11d}  {load.rate:10.1f}  {load.rate / reference:5.2f}  "
                + "  ".join(f"{ms:7.1f}" for ms in row)
                + f"  {dict(load.statuses)}"
            )
    print(f"bare analyzer again: {bare(selfie, cores):.1f} images/s")


if __name__ == "__main__":
    main()
