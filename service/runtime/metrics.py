"""Every metric once. Right across gunicorn's workers through Prometheus' multi-process mode.

`PROMETHEUS_MULTIPROC_DIR` must be set before this module is imported; `facegate serve` does so.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from prometheus_client import (
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Metric,
    generate_latest,
    multiprocess,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from service.runtime import metric_files, metric_sums

metric_files.install()

SECONDS = (0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
TENTHS = tuple(n / 20 for n in range(1, 21))

REQUESTS = Counter("facegate_requests", "Requests answered", ["route", "status"])
REQUEST_SECONDS = Histogram(
    "facegate_request_seconds", "Time to answer a request", ["route"], buckets=SECONDS
)
STAGE_SECONDS = Histogram(
    "facegate_stage_seconds", "Time of one stage of a judgement", ["stage"], buckets=SECONDS
)
SCORE = Histogram("facegate_score", "Scores given; 0.5 is the decision line", buckets=TENTHS)
DECISIONS = Counter("facegate_decisions", "Judgements by decision", ["decision"])
FINDINGS = Counter("facegate_findings", "What was found for each task", ["task", "decision"])
PROVENANCE = Counter(
    "facegate_provenance", "Provenance rules that held for a picture", ["rule", "action"]
)
REJECTIONS = Counter("facegate_rejections", "Requests refused, by code", ["reason"])
CACHE_HITS = Counter("facegate_cache_hits", "Judgements answered from the result cache")
CACHE_MISSES = Counter("facegate_cache_misses", "Judgements that had to be made")
STORE_ERRORS = Counter("facegate_store_errors", "Store calls that failed", ["operation"])
STORE_SPOOLED = Counter("facegate_store_spooled", "Writes kept aside for later", ["kind"])
STORE_REPLAYED = Counter("facegate_store_replayed", "Writes kept aside and made since", ["kind"])
STORE_LOST = Counter("facegate_store_lost", "Writes that could be kept nowhere", ["kind"])
# Not the least of all: gunicorn's master, which reads this module too, never sets it.
STORE_UP = Gauge(
    "facegate_store_up", "1 while the store answers", multiprocess_mode="livemostrecent"
)
WITHOUT_STORE = Gauge(
    "facegate_workers_without_store",
    "Workers that do without the store now",
    multiprocess_mode="livesum",
)
SPOOL_PENDING = Gauge(
    "facegate_spool_pending", "Writes kept aside now", multiprocess_mode="livemax"
)
LICENCE_DAYS_LEFT = Gauge(
    "facegate_licence_days_left",
    "Days a licence still holds",
    ["licence"],
    multiprocess_mode="livemostrecent",
)
QUEUE_DEPTH = Gauge(
    "facegate_queue_depth", "Requests waiting for a slot now", multiprocess_mode="livesum"
)
MESSAGES = Counter("facegate_messages", "Queue messages by what became of them", ["outcome"])
MESSAGES_IN_WORK = Gauge(
    "facegate_messages_in_work", "Queue messages worked on now", multiprocess_mode="livesum"
)
CALLBACKS = Counter("facegate_callbacks", "Posts to callback addresses, by outcome", ["outcome"])
JOBS_WAITING = Gauge(
    "facegate_jobs_waiting", "Jobs that are not judged yet", multiprocess_mode="livemostrecent"
)
JOBS_AGE = Gauge(
    "facegate_jobs_oldest_seconds",
    "Age of the oldest job that is not judged yet",
    multiprocess_mode="livemostrecent",
)
JOBS_BYTES = Gauge(
    "facegate_jobs_bytes",
    "Bytes of media that wait to be judged",
    multiprocess_mode="livemostrecent",
)
JOBS = Counter("facegate_jobs", "Attempts at jobs, by what became of them", ["outcome"])
AUDIT_LOST = Counter("facegate_audit_lost", "Entries of the audit log that could not be kept")
LOG_LINES_LOST = Counter(
    "facegate_log_lines_lost", "Log lines dropped, for nobody read standard error"
)
# Across workers it is counted by the signs that each leaves, which need no room.
NAME_OF_READY = "facegate_ready_workers"
READY = Gauge(NAME_OF_READY, "Workers ready to judge", multiprocess_mode="livesum")


def exposition() -> bytes:
    """All workers' metrics in Prometheus' text format."""
    return generate_latest(_registry())


def forget_licence(name: str) -> None:
    """Tell no more of one that is revoked, gone, or holds for ever now.

    A series cannot leave a file that workers share: there "no number" takes its place, and is
    left out by who reads it.
    """
    if _folder():
        LICENCE_DAYS_LEFT.labels(name).set(math.nan)
    else:
        LICENCE_DAYS_LEFT.remove(name)


def collected() -> Iterable[Metric]:
    """All workers' metrics, as the client library holds them."""
    return _registry().collect()


def everyone_has_the_store() -> bool:
    """Whether no worker, this one or another, does without the store."""
    return not _registry().get_sample_value("facegate_workers_without_store")


def worker_is_ready() -> None:
    """This worker judges images from now on."""
    READY.set(1)
    if folder := _folder():
        with suppress(OSError):
            _sign(folder, os.getpid()).touch()


def ready_workers() -> int:
    """How many workers judge images now."""
    if folder := _folder():
        return len(list(folder.glob(_sign(folder, "*").name)))
    return int(REGISTRY.get_sample_value(NAME_OF_READY) or 0)


def counts_as_ready() -> bool:
    """Whether the others see that this worker is ready."""
    return bool((folder := _folder()) and _sign(folder, os.getpid()).exists())


def worker_died(pid: int) -> None:
    """Forget a dead worker's gauges; its counts are kept with those of others that are gone."""
    if folder := _folder():
        with suppress(OSError):
            multiprocess.mark_process_dead(pid, str(folder))  # type: ignore[no-untyped-call]
            _sign(folder, pid).unlink(missing_ok=True)
        with suppress(*metric_sums.UNREADABLE):  # no room: with the next one, then
            metric_sums.fold(folder)


def _sign(folder: Path, pid: int | str) -> Path:
    """An empty file, which can be made where memory is full."""
    return folder / f"ready_{pid}"


def _folder() -> Path | None:
    """None where there is one process, which holds its metrics itself."""
    name = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    return Path(name) if name else None


def _registry() -> CollectorRegistry:
    folder = _folder()
    if folder is None:
        return REGISTRY
    registry = CollectorRegistry()
    if folder.is_dir():  # else: somebody took it away
        registry.register(_Collector(folder))
    return registry


class _Collector(Collector):
    """Reads the files of all workers, as the library's own does; counts are read by us."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def collect(self) -> Iterable[Metric]:
        library = multiprocess.MultiProcessCollector
        gauges = [str(file) for file in self._folder.glob("gauge_*.db") if _size(file)]
        found = library._read_metrics(gauges)  # type: ignore[no-untyped-call]
        found |= metric_sums.unsummed(self._folder)
        for metric in library._accumulate_metrics(found, accumulate=True):  # type: ignore[no-untyped-call]
            if metric.name != NAME_OF_READY:
                yield _told(metric)
        yield GaugeMetricFamily(NAME_OF_READY, READY._documentation, ready_workers())


def _told(metric: Metric) -> Metric:
    """Without what was taken back."""
    if metric.type == "gauge":
        metric.samples = [one for one in metric.samples if not math.isnan(one.value)]
    return metric


def _size(file: Path) -> int:
    """0 of a file that a starting worker has made and not yet filled, or had no room for."""
    try:
        return file.stat().st_size
    except FileNotFoundError:  # of a worker that has just died
        return 0
