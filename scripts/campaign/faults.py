"""Faults of workers, of the database and of the line to it, one after the other."""

from __future__ import annotations

import random
import signal
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress

import psutil

from scripts.campaign.figures import Figures
from tests.faults.proxy import FAULTS, Proxy
from tests.live import Live
from tests.servers import MongoServer


def workers(live: Live) -> list[psutil.Process]:
    return psutil.Process(live.process.pid).children()


def kill(live: Live) -> None:
    with suppress(psutil.NoSuchProcess):
        random.choice(workers(live)).kill()


def freeze(live: Live) -> None:
    """Longer than a client of the database waits for its lock."""
    frozen = random.choice(workers(live))
    with suppress(psutil.NoSuchProcess):  # gunicorn may replace it meanwhile
        frozen.suspend()
        time.sleep(random.uniform(2, 19))
        frozen.resume()


def lock(live: Live) -> None:
    path = live.settings.data_dir / "facegate.db"
    with closing(sqlite3.connect(path, isolation_level=None, timeout=60)) as db:
        db.execute("BEGIN IMMEDIATE")
        time.sleep(random.uniform(1, 12))
        db.execute("ROLLBACK")


def reload(live: Live) -> None:
    live.process.send_signal(signal.SIGHUP)


def restart(live: Live) -> None:
    status = live.stop()
    live.start()
    live.wait(180)
    assert status == 0, f"it ended with {status}"


LOCAL: dict[str, Callable[[Live], None]] = {
    "worker killed": kill,
    "worker frozen": freeze,
    "database locked": lock,
    "reload": reload,
    "restart": restart,
}


def local_faults(live: Live, figures: Figures, over: threading.Event) -> None:
    while not over.wait(random.uniform(5, 20)):
        name, fault = random.choice(sorted(LOCAL.items()))
        with figures.noting(name):
            live.wait(180)  # both workers stand, so that there is one to be hit
            fault(live)
            figures.faults[name] += 1


def far_faults(server: MongoServer, proxy: Proxy, figures: Figures, over: threading.Event) -> None:
    """Of the line to MongoDB, and now and then of MongoDB itself."""
    while not over.wait(random.uniform(3, 10)):
        with figures.noting("MongoDB"):
            if random.random() < 0.1:
                server.kill()
                over.wait(random.uniform(1, 8))
                server.start()
                figures.faults["MongoDB killed"] += 1
            else:
                _spoil(proxy, figures, over)


def _spoil(proxy: Proxy, figures: Figures, over: threading.Event) -> None:
    proxy.fault = random.choice(FAULTS)
    figures.faults[f"line to MongoDB: {proxy.fault}"] += 1
    over.wait(random.uniform(2, 8))
    proxy.fault = "none"
