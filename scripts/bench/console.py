"""How long the console's pages take with many results, in SQLite and in MongoDB.

`python -m scripts.bench.console [RESULTS]` (100,000). Of each page the time until its first byte,
the least and the median of five, and, where there is a Chromium, until the first paint. Then the
export: rows a second, and how much the worker's memory grew. Then what a person who looks at pages
costs those who are judged meanwhile.
"""

from __future__ import annotations

import statistics
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import pymongo
import requests

from service.store import open_store
from tests.images import genuine
from tests.live import Live
from tests.servers import MongoServer
from tests.web.browser import CHROMIUM, chromium, log_in, opened
from tests.web.conftest import PASSWORD, client, seat_people
from tests.web.seeds import fill_mongo, fill_sqlite

PAGES = {
    "results": "results/",
    "results, filtered": "results/?decision=deepfake&sort=highest",
    "review": "review/",
    "operations": "operations/",
}
PAINT = "performance.getEntriesByType('paint').map(e => e.startTime)[0]"


def measure(live: Live, title: str) -> None:
    """Print the figures of one store."""
    print(f"== {title}")
    session = client(live, "analyst")
    for name, path in PAGES.items():
        taken = [_timed(lambda p=path: _page(session, live, p)) for _ in range(5)]
        print(
            f"{name}: {min(taken) * 1000:.0f} ms, median {statistics.median(taken) * 1000:.0f} ms"
        )
    if CHROMIUM:
        _paint(live)
    _export(session, live)


def _paint(live: Live) -> None:
    with chromium() as browser, opened(browser, live.base) as page:
        log_in(page, "analyst", PASSWORD)
        for name, path in PAGES.items():
            found = []
            for _ in range(5):
                page.goto(f"/console/{path}", wait_until="load")
                page.wait_for_timeout(100)
                found.append(page.evaluate(PAINT) or 0)
            print(
                f"{name}: first paint {min(found):.0f} ms, median {statistics.median(found):.0f} ms"
            )


def _export(session: requests.Session, live: Live) -> None:
    before, rows, began = _memory(live), 0, time.perf_counter()
    with session.get(f"{live.base}/console/results/export.csv", stream=True) as answer:
        for chunk in answer.iter_content(2**16):
            rows += chunk.count(b"\n")
    taken = time.perf_counter() - began
    grown = (_memory(live) - before) / 2**20
    print(f"export: {rows} lines, {rows / taken:.0f} a second, worker grew by {grown:.0f} MiB")


def looked_at(live: Live) -> None:
    """Judgements with and without somebody who loads a page every second."""
    session, over = client(live, "analyst"), threading.Event()

    def look() -> None:
        while not over.wait(1.0):
            _page(session, live, "operations/")

    alone = _judging(live)
    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    watched = _judging(live)
    over.set()
    watcher.join()
    print(f"a judgement takes {alone:.1f} ms, and {watched:.1f} ms while a page a second is loaded")


def _judging(live: Live) -> float:
    def judge() -> None:
        assert live.analyze(genuine() + bytes(str(time.time_ns()), "ascii")).ok

    return statistics.median(_timed(judge) for _ in range(60)) * 1000


def _page(session: requests.Session, live: Live, path: str) -> None:
    answer = session.get(f"{live.base}/console/{path}")
    assert answer.ok, answer.text


def _timed(call: Callable[[], None]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def _memory(live: Live) -> int:
    return sum(one.memory_info().rss for one in psutil.Process(live.process.pid).children())


def main(arguments: list[str]) -> int:
    """Both stores, one after the other."""
    count = int(arguments[0]) if arguments else 100_000
    more = {"login_attempts": 1000, "probability": 0.233}
    with TemporaryDirectory() as folder:
        with Live(Path(folder) / "sqlite", **more) as live:
            seat_people(live)
            store = open_store(live.settings)
            fill_sqlite(store, count)
            store.close()
            measure(live, f"SQLite, {count} results")
            looked_at(live)
        with MongoServer(Path(folder) / "mongo") as server:
            settings = {"store": "mongo", "mongodb_uri": server.uri, "store_timeout": 5.0}
            with Live(Path(folder) / "service", **more, **settings) as live:
                seat_people(live)
                fill_mongo(pymongo.MongoClient(server.uri)["facegate"].results, count)
                measure(live, f"MongoDB, {count} results")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
