"""What a judgement costs one core: each profile in a process of its own, held to a single core.

`infer` is the median of the analyzer's own stage, a face crop to a probability; `raw` is the same
models by ONNX Runtime alone, as often as the manifest has them look; `load` is a cold process's
time until the analyzer is ready, without Python's own start.
"""

from __future__ import annotations

import multiprocessing
import os
import statistics
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import psutil

from scripts.bench.load import distinct, phone_selfie
from service.settings import Settings

RUNS = 60
HEAD = "profile    decode  detect   infer     raw  ratio  total ms   load s  memory MB"


def measured(profile: str) -> str:
    """One line of the table."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    started = time.perf_counter()
    from service.analysis.image import Analyzer  # its import counts as loading

    settings = Settings.model_validate({"profile": profile})
    analyzer = Analyzer.load(settings)
    load = time.perf_counter() - started
    selfie = phone_selfie()
    timings = [analyzer.analyze(distinct(selfie)).timings for _ in range(RUNS)]
    stages = ("decode", "detect", "infer", "total")
    decode, detect, infer, total = (
        statistics.median(timing[stage] for timing in timings) for stage in stages
    )
    memory = psutil.Process().memory_info().rss / 2**20
    raw = bare(settings)
    return (
        f"{profile:9s}  {decode:6.1f}  {detect:6.1f}  {infer:6.1f}  {raw:6.1f}  {infer / raw:5.2f}"
        f"  {total:8.1f}  {load:7.2f}  {memory:9.0f}"
    )


def bare(settings: Settings) -> float:
    """Milliseconds of all detectors' sessions alone, for one face."""
    from service.analysis.detectors.onnx import tuned_values
    from service.repository.manifest import load_manifest
    from service.repository.registry import detector_folders
    from service.repository.session import open_session

    total = 0.0
    for folder in detector_folders(settings):
        manifest = load_manifest(folder)
        session, size = open_session(folder / manifest.file), manifest.input.size
        pixels = np.random.default_rng(0).normal(size=(1, 3, size, size)).astype(np.float32)
        feed = {manifest.input.name: pixels, **tuned_values(folder, manifest)}
        run = partial(session.run, [manifest.output.logit], feed)
        total += (1 + manifest.mirrored) * _median(run)
    return total


def _median(call: Callable[[], object]) -> float:
    """Milliseconds of a call, after ten calls to warm up."""
    times = []
    for _ in range(RUNS + 10):
        started = time.perf_counter()
        call()
        times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times[10:])


def main() -> None:
    """Print a line for each profile."""
    print(HEAD)
    fresh = multiprocessing.get_context("spawn")
    for profile in ("fast", "accurate"):
        with fresh.Pool(1) as pool:
            print(pool.apply(measured, (profile,)), flush=True)


if __name__ == "__main__":
    main()
