"""How gunicorn runs the service; each odd setting with its reason."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from service.accounts.tokens import token_key
from service.errors import StartupError
from service.licensing.digest import digest_key
from service.runtime import data_lock, logs, metric_files, metrics
from service.runtime.machine import usable_cores
from service.runtime.reception import listeners
from service.settings import load_settings
from service.store.sqlite import wal

_settings = load_settings()

bind = [where for where in (_settings.listens_on(), _settings.probes_on()) if where]
workers = _settings.workers or usable_cores()
worker_class = "service.gunicorn_worker.Worker"  # gthread with error pages of our own
limit_request_line = 8190  # the most that gunicorn allows: signed addresses are long
# More threads than the concurrency limit lets in: a probe or a 503 never waits for inference.
threads = _settings.slots + _settings.queue_depth + _settings.fetch_slots + 4
# ONNX Runtime must not be imported before the fork: its threads would not survive it.
preload_app = False
timeout = 60
graceful_timeout = _settings.graceful_timeout
# Answers go through the outbox of their connection, which no slow reader can block.
sendfile = False
# Longer than the idle time of the usual load balancers, so that they close first.
keepalive = 75
# The heartbeat file on a disk can block a worker; shared memory cannot.
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108
# Nothing is written outside the data folder, and nobody asks for this socket.
control_socket_disable = True
logs.STREAM.on_lost = metrics.LOG_LINES_LOST.inc
logconfig_dict = logs.gunicorn_config(_settings.log_level)
proc_name = "facegate"


def on_starting(server: Any) -> None:  # noqa: ARG001 (gunicorn's signature)
    """Import the application once, before the fork: workers begin a second sooner and share it.

    It imports neither ONNX Runtime nor OpenCV, and opens nothing.
    """
    import service.app  # noqa: F401

    metric_files.adopt()
    data_lock.adopt(_settings.data_dir)
    # Known to every worker to come, whatever happens to the files; a fault is told when one starts.
    for key in (digest_key, token_key):
        with suppress(StartupError):
            key(_settings)


def when_ready(server: Any) -> None:
    """Refuse new connections before the workers are told to end; they take in who came before."""
    stop = server.stop

    def refuse_and_stop(graceful: bool = True) -> None:
        for listener in server.LISTENERS:
            listeners.refuse_new(listener.sock)
        stop(graceful)

    server.stop = refuse_and_stop


def on_exit(server: Any) -> None:  # noqa: ARG001 (gunicorn's signature)
    """Leave nothing in memory, and the files of the data folder whole, each by itself."""
    for name in ("facegate.db", "spool.db"):
        wal.fold(_settings.data_dir / name)
    if folder := os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        metric_files.remove(Path(folder))


def post_worker_init(worker: Any) -> None:
    """Load models right after the fork, not with the first request.

    The first worker answers probes while it loads. The others, and those that take a dead worker's
    place, accept connections only when they are loaded, and another one, too: who was told "live"
    is not refused after. A worker that the others cannot see waits for none: nor may they be seen.
    """
    extensions = worker.wsgi.extensions
    loader = extensions["facegate"].loader
    loader.start()
    extensions["facegate-housekeeping"].start()
    extensions["facegate-jobs"].start()
    if worker.age > 1:
        deadline = time.monotonic() + timeout / 2
        loader.wait(timeout / 2)
        if loader.state == "ready" and not metrics.counts_as_ready():
            return
        while metrics.ready_workers() < min(2, workers) and time.monotonic() < deadline:
            time.sleep(0.05)


def worker_exit(server: Any, worker: Any) -> None:  # noqa: ARG001 (gunicorn's signature)
    """Release jobs again, lest the worker ends before it has let them go."""
    worker.release_jobs()


def child_exit(server: Any, worker: Any) -> None:  # noqa: ARG001 (gunicorn's signature)
    """Drop the gauges of a worker that is gone, and take in its counts."""
    metrics.worker_died(worker.pid)
