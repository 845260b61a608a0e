"""A campaign against the service: good load, bad inputs, slow clients and faults, all at once.

python -m scripts.campaign --minutes 60

Two services are started, one with SQLite and one with a MongoDB behind a faulty line. Prints what
was held, survived and tried; exit code 1 where a result that was called stored is missing, a
process leaked what it should not, or a worker was lost without being killed.
"""

from __future__ import annotations

import argparse
import random
import re
import signal
import sqlite3
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import psutil
import requests

from tests.faults.load import Load, kept_ids
from tests.faults.proxy import FAULTS, Proxy
from tests.live import Live
from tests.security.hostile import Hostile, leaks
from tests.security.slow import BEGINNINGS, UNREAD, Slow
from tests.servers import MongoServer, free_port

INNARDS = re.compile(r"Traceback|fg_\w{8}|data:image|Bearer ")


class Figures:
    """What happened; shared by all threads."""

    def __init__(self) -> None:
        self.faults: Counter[str] = Counter()
        self.inputs: Counter[str] = Counter()
        self.probes: list[float] = []
        self.lost_probes = 0
        self.slow = 0
        self.leaks = 0


def bad_inputs(live: Live, figures: Figures, over: threading.Event, seed: int) -> None:
    hostile = Hostile(live, seed)
    while not over.wait(0.02):
        answer = hostile.one()
        figures.inputs[answer[9:12].decode("latin-1") or "closed"] += 1
        figures.leaks += bool(leaks(answer)) or live.hash_id.encode() in answer


def slow_clients(live: Live, figures: Figures, over: threading.Event) -> None:
    while not over.is_set():
        for beginning in (*BEGINNINGS.values(), UNREAD):
            with Slow(live.settings.port, beginning, 200) as slow:
                over.wait(15)
            figures.slow += slow.closed
            if over.is_set():
                return


def probes(live: Live, figures: Figures, over: threading.Event) -> None:
    address = f"http://127.0.0.1:{live.settings.health_port}/healthz"
    while not over.wait(0.5):
        began = time.monotonic()
        try:
            requests.get(address, timeout=20)
        except requests.RequestException:
            figures.lost_probes += 1
        else:
            figures.probes.append(time.monotonic() - began)


def workers(live: Live) -> list[psutil.Process]:
    return psutil.Process(live.process.pid).children()


def kill(live: Live) -> None:
    random.choice(workers(live)).kill()


def freeze(live: Live) -> None:
    frozen = random.choice(workers(live))
    frozen.suspend()
    time.sleep(random.uniform(2, 19))
    frozen.resume()


def lock(live: Live) -> None:
    with sqlite3.connect(live.settings.data_dir / "facegate.db", isolation_level=None) as db:
        db.execute("BEGIN IMMEDIATE")
        time.sleep(random.uniform(1, 12))
        db.execute("ROLLBACK")
    db.close()


def reload(live: Live) -> None:
    live.process.send_signal(signal.SIGHUP)


def restart(live: Live) -> None:
    live.stop()
    live.start()
    live.wait(180)


LOCAL: dict[str, Callable[[Live], None]] = {
    "worker killed": kill,
    "worker frozen": freeze,
    "database locked": lock,
    "reload": reload,
    "restart": restart,
}


def local_faults(live: Live, figures: Figures, over: threading.Event) -> None:
    while not over.wait(random.uniform(5, 20)):
        for name, fault in random.sample(sorted(LOCAL.items()), 1):
            fault(live)
            figures.faults[name] += 1


def line_faults(proxy: Proxy, figures: Figures, over: threading.Event) -> None:
    while not over.wait(random.uniform(3, 10)):
        fault = random.choice(FAULTS)
        proxy.fault = fault
        over.wait(random.uniform(2, 8))
        proxy.fault = "none"
        figures.faults[f"line to MongoDB: {fault}"] += 1


def missing(live: Live, load: Load, seconds: float = 120.0) -> set[str]:
    """Results that were called stored and are not there, once all that waits was delivered."""
    stored = {body["id"] for status, body in load.answers if status == 200 and body["stored"]}
    end = time.monotonic() + seconds
    gone = stored
    while gone and time.monotonic() < end:
        try:
            gone = stored - kept_ids(live)
        except (KeyError, ValueError, requests.RequestException) as error:
            print(f"the results cannot be listed yet: {error!r}")  # asked again
        time.sleep(2)
    return gone


def report(name: str, load: Load, seconds: float, gone: set[str]) -> None:
    judged = sum(status == 200 for status, _ in load.answers)
    stored = sum(status == 200 and bool(body["stored"]) for status, body in load.answers)
    statuses = dict(Counter(status for status, _ in load.answers))
    print(
        f"{name}: {len(load.answers)} answers ({judged / seconds:.1f} judged a second) {statuses}"
    )
    print(f"  connections broken: {len(load.broken)} {dict(_kinds(load))}")
    print(f"  called stored: {stored}, missing: {len(gone)}; judged, and told not stored:", end=" ")
    print(judged - stored)


def _kinds(load: Load) -> Counter[str]:
    return Counter(type(error).__name__ for error in load.broken)


def run(minutes: float, seed: int) -> int:
    random.seed(seed)
    figures, over, began = Figures(), threading.Event(), time.monotonic()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(MongoServer(folder / "mongo"))
        proxy = stack.enter_context(Proxy(server.port))
        uri = server.uri.replace(f":{server.port}/", f":{proxy.port}/")
        common = {"probability": 0.2, "workers": 2}
        near = Live(folder / "near", health_port=free_port(), **common)  # type: ignore[arg-type]
        far = Live(folder / "far", store="mongo", mongodb_uri=uri, store_timeout=5.0, **common)  # type: ignore[arg-type]
        for live in (near, far):
            live.start()
        for live in (near, far):
            stack.callback(live.stop)
            live.wait(600)
        for live in (near, far):
            assert live.hash_id  # issued before the line breaks
        loads = [stack.enter_context(Load(live, clients=1)) for live in (near, far)]
        threads = [
            threading.Thread(target=bad_inputs, args=(near, figures, over, seed)),
            threading.Thread(target=bad_inputs, args=(far, figures, over, seed + 1)),
            threading.Thread(target=slow_clients, args=(near, figures, over)),
            threading.Thread(target=probes, args=(near, figures, over)),
            threading.Thread(target=local_faults, args=(near, figures, over)),
            threading.Thread(target=line_faults, args=(proxy, figures, over)),
        ]
        for thread in threads:
            thread.start()
        over.wait(minutes * 60)
        over.set()
        for thread in threads:
            thread.join(240)
        for load in loads:
            load.stop()
        seconds = time.monotonic() - began
        memory = [one.memory_info().rss >> 20 for one in (*workers(near), *workers(far))]
        gone = [missing(live, load) for live, load in zip((near, far), loads, strict=True)]
        text = near.log() + far.log()
    told = len(INNARDS.findall(text))
    print(f"ran {seconds / 60:.1f} minutes, seed {seed}")
    for name, load, lost in zip(("SQLite", "MongoDB"), loads, gone, strict=True):
        report(name, load, seconds, lost)
    print(f"faults: {sum(figures.faults.values())} {dict(figures.faults)}")
    print(f"bad inputs: {sum(figures.inputs.values())} {dict(figures.inputs.most_common(12))}")
    print(f"slow connections ended: {figures.slow}")
    times = sorted(figures.probes) or [0.0]
    middle, most = times[len(times) // 2], times[-1]
    print(
        f"/healthz: {len(times)} answered, median {middle * 1000:.0f} ms, worst {most:.2f} s,",
        end="",
    )
    print(f" {figures.lost_probes} lost (restarts included)")
    print(f"memory of workers, MiB: {memory}")
    print(f"innards or keys in answers: {figures.leaks}, in logs: {told}")
    print(f"acknowledged results lost: {sum(map(len, gone))}")
    return int(any(gone) or figures.leaks > 0 or told > 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    sys.exit(run(options.minutes, options.seed))


if __name__ == "__main__":
    main()
