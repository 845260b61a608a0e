"""A campaign against the service: good load, bad inputs, slow clients and faults, all at once.

python -m scripts.campaign --minutes 60

Two services are started, one with SQLite and one with a MongoDB behind a faulty line. Prints what
was held, survived and tried; exit code 1 where a result that was called stored is missing, an
answer or a log shows what it must not, or something happened that nobody foresaw.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymongo
import requests
from pymongo.errors import PyMongoError

from scripts.campaign.attacks import bad_inputs, probes, slow_clients
from scripts.campaign.faults import far_faults, local_faults, workers
from scripts.campaign.figures import INNARDS, Figures, tell_load
from tests.certificates import self_signed
from tests.faults.load import Load, kept_ids
from tests.faults.proxy import Proxy
from tests.live import Live
from tests.servers import MongoServer, free_port

Task = tuple[Callable[..., None], tuple[Any, ...]]


@dataclass
class Field:
    """What is attacked."""

    near: Live  # with SQLite
    far: Live  # with MongoDB
    server: MongoServer
    proxy: Proxy

    @property
    def services(self) -> dict[str, Live]:
        return {"SQLite": self.near, "MongoDB": self.far}


@contextmanager
def field() -> Iterator[Field]:
    """Both services, started. The line to MongoDB has TLS: nothing else notices flipped bytes."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        tls = self_signed(folder, "127.0.0.1")
        server = stack.enter_context(MongoServer(folder / "mongo", tls=tls))
        proxy = stack.enter_context(Proxy(server.port))
        uri = server.uri.replace(f":{server.port}/", f":{proxy.port}/")
        store = {"store": "mongo", "mongodb_uri": uri, "store_timeout": 5.0}
        common = {"probability": 0.2, "workers": 2, "graceful_timeout": 15}
        made = Field(
            Live(folder / "near", health_port=free_port(), **common),
            Live(folder / "far", **common, **store),
            server,
            proxy,
        )
        for live in made.services.values():
            started(stack, live)
        yield made


def started(stack: ExitStack, live: Live) -> None:
    live.start()
    stack.callback(live.stop)
    live.wait(600)
    assert live.hash_id  # issued before the line breaks


def tasks(found: Field, seed: int) -> list[Task]:
    return [
        (bad_inputs, (found.near, seed)),
        (bad_inputs, (found.far, seed + 1)),
        (slow_clients, (found.near,)),
        (probes, (found.near,)),
        (local_faults, (found.near,)),
        (far_faults, (found.server, found.proxy)),
    ]


def press(found: Field, figures: Figures, minutes: float, seed: int) -> dict[str, Load]:
    """All at once for so long; the loads with all that they were answered."""
    over = threading.Event()
    threads = [
        threading.Thread(target=task, args=(*known, figures, over))
        for task, known in tasks(found, seed)
    ]
    with ExitStack() as stack:
        loads = {
            name: stack.enter_context(Load(live, clients=1))
            for name, live in found.services.items()
        }
        for thread in threads:
            thread.start()
        time.sleep(minutes * 60)
        over.set()
        for thread in threads:
            thread.join(240)
    return loads


def in_mongo(server: MongoServer) -> set[str]:
    """Read without the line and its deadlines: thousands of results take this server long."""
    with pymongo.MongoClient[dict[str, Any]](server.uri) as client:
        return {each["_id"] for each in client["facegate"].results.find({}, {"_id": True})}


def missing(load: Load, kept: Callable[[], set[str]], seconds: float = 240.0) -> set[str]:
    """Results that were called stored and are not there, once all that waits was delivered."""
    stored = {body["id"] for status, body in load.answers if status == 200 and body["stored"]}
    end = time.monotonic() + seconds
    gone = stored
    while gone and time.monotonic() < end:
        with suppress(KeyError, ValueError, requests.RequestException, PyMongoError):
            gone = stored - kept()  # asked again where it cannot be told yet
        time.sleep(2)
    return gone


def run(minutes: float, seed: int) -> int:
    random.seed(seed)
    figures, began = Figures(), time.monotonic()
    with field() as found:
        loads = press(found, figures, minutes, seed)
        seconds = time.monotonic() - began
        print(f"ran {seconds / 60:.1f} minutes, seed {seed}")
        lost = told_missing(found, loads, seconds)
        told = sum(len(INNARDS.findall(live.log())) for live in found.services.values())
    figures.tell()
    print(f"innards or keys in answers: {figures.leaks}, in logs: {told}")
    print(f"acknowledged results lost: {lost}")
    return int(lost + figures.leaks + told + figures.mishaps.total() > 0)


def told_missing(found: Field, loads: dict[str, Load], seconds: float) -> int:
    """Tell what both services held; how many results they lost."""
    kept = {"SQLite": lambda: kept_ids(found.near), "MongoDB": lambda: in_mongo(found.server)}
    lost = 0
    for name, live in found.services.items():
        gone = missing(loads[name], kept[name])
        tell_load(name, loads[name], seconds, len(gone))
        memory = [worker.memory_info().rss >> 20 for worker in workers(live)]
        print(f"  memory of its workers: {memory} MiB")
        lost += len(gone)
    return lost


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    sys.exit(run(options.minutes, options.seed))


if __name__ == "__main__":
    main()
