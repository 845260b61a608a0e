"""How long the console's pages take with many results, in SQLite and in MongoDB.

`python -m scripts.bench.console [RESULTS [sqlite|mongo]]` (100,000, both). Of each page the time
until its answer, the least and the median of five, and, where there is a Chromium, until the first
paint. A page that the store is too slow for says so, and the next one waits until it answers
again. Then the export: rows a second, and how
much the worker's memory grew. Then what a person who looks at pages costs those who are judged
meanwhile.
"""

from __future__ import annotations

import statistics
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil
import pymongo
import requests

from service.judging.reviews import Reviews
from service.store import open_store
from service.store.base import Store
from service.store.search import Filter
from tests.images import genuine
from tests.live import Live
from tests.servers import MongoServer
from tests.web.browser import CHROMIUM, chromium, log_in, opened
from tests.web.conftest import PASSWORD, client, seat_people
from tests.web.seeds import fill_mongo, fill_sqlite

PAGES = {
    "try": "try/",
    "results": "results/",
    "results, deepfakes, highest": "results/?decision=deepfake&sort=highest",
    "results, dark": "results/?reason=IMAGE_TOO_DARK",
    "results, a reason that nothing has": "results/?reason=IMAGE_TOO_BRIGHT",
    "results, warned": "results/?warned=1",
    "results, a route": "results/?contract=/liveness&sort=lowest",
    "results, not reviewed, oldest": "results/?label=none&sort=oldest",
    "review": "review/",
    "images": "images/",
    "operations": "operations/",
    "operating point": "operating-point/",
    "licences": "licences/",
    "people": "people/",
}
LATER = {  # by themselves, after their page
    "operations, figures": "operations/now",
    "review, near the threshold": "review/next?queue=threshold",
    "review, warned": "review/next?queue=warned",
    "review, random": "review/next?queue=random",
    "review, second": "review/next?queue=second",
    "review, rates": "review/rates",
}
MORE: dict[str, Any] = {"login_attempts": 1000, "probability": 0.233}
PARTLY = ("The store took too long", "The store did not look")
PAINT = "performance.getEntriesByType('paint').map(e => e.startTime)[0]"


def measure(live: Live, title: str) -> None:
    """Print the figures of one store."""
    print(f"== {title}")
    session = client(live, "administrator")
    for name, path in (PAGES | LATER).items():
        taken, whole = zip(*(_page(session, live, path) for _ in range(5)), strict=True)
        least, median = min(taken) * 1000, statistics.median(taken) * 1000
        part = "" if all(whole) else ", in part"
        print(f"{name}: {least:.0f} ms, median {median:.0f} ms{part}", flush=True)
    if CHROMIUM:
        _paint(session, live)
    _export(session, live)


def _review(store: Store) -> None:
    """A thousand results, by somebody."""
    found = store.search_results(Filter(), "newest", 1000)
    for one in found:
        Reviews(store).say(one, "somebody", "genuine", "", "random")


def _paint(session: requests.Session, live: Live) -> None:
    with chromium() as browser, opened(browser, live.base) as page:
        log_in(page, "administrator", PASSWORD)
        for name, path in PAGES.items():
            found = []
            for _ in range(3):
                page.goto(f"/console/{path}", wait_until="load")
                page.wait_for_timeout(100)
                found.append(page.evaluate(PAINT) or 0)
                _until_it_answers(session, live)
            least, median = min(found), statistics.median(found)
            print(f"{name}: first paint {least:.0f} ms, median {median:.0f} ms", flush=True)


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


def _page(session: requests.Session, live: Live, path: str) -> tuple[float, bool]:
    """Seconds until the answer, and whether it tells everything."""
    began = time.perf_counter()
    answer = session.get(f"{live.base}/console/{path}")
    taken = time.perf_counter() - began
    assert answer.ok, f"{path}: {answer.text[-2000:]}"
    whole = not any(sentence in answer.text for sentence in PARTLY)
    if not whole:
        _until_it_answers(session, live)
    return taken, whole


def _until_it_answers(session: requests.Session, live: Live) -> None:
    """A server of MongoDB's protocol may go on with a question that was given up on."""
    end = time.monotonic() + 120
    while not session.get(f"{live.base}/console/results/").ok:
        assert time.monotonic() < end, "The store does not answer again."
        time.sleep(0.5)


def _timed(call: Callable[[], None]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def _memory(live: Live) -> int:
    return sum(one.memory_info().rss for one in psutil.Process(live.process.pid).children())


def main(arguments: list[str]) -> int:
    """Both stores, one after the other."""
    count = int(arguments[0]) if arguments else 100_000
    wanted = arguments[1:] or ["sqlite", "mongo"]
    with TemporaryDirectory() as folder:
        if "sqlite" in wanted:
            _sqlite(Path(folder), count)
        if "mongo" in wanted:
            _mongo(Path(folder), count)
    return 0


def _sqlite(folder: Path, count: int) -> None:
    with Live(folder / "sqlite", **MORE) as live:
        seat_people(live)
        store = open_store(live.settings)
        fill_sqlite(store, count)
        _review(store)
        store.close()
        measure(live, f"SQLite, {count} results")
        looked_at(live)


def _mongo(folder: Path, count: int) -> None:
    with MongoServer(folder / "mongo") as server:
        settings = {"store": "mongo", "mongodb_uri": server.uri, "store_timeout": 5.0}
        with Live(folder / "service", **MORE, **settings) as live:
            seat_people(live)
            fill_mongo(pymongo.MongoClient(server.uri)["facegate"].results, count)
            store = open_store(live.settings)
            _review(store)
            store.close()
            measure(live, f"MongoDB, {count} results")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
