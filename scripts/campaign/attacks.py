"""Bad inputs, slow clients, and the probes that must be answered meanwhile."""

from __future__ import annotations

import threading
import time

import requests

from scripts.campaign.figures import Figures
from tests.live import Live
from tests.security.hostile import Hostile, leaks
from tests.security.slow import BEGINNINGS, UNREAD, Slow


def bad_inputs(live: Live, seed: int, figures: Figures, over: threading.Event) -> None:
    hostile, key = Hostile(live, seed), live.hash_id.encode()
    while not over.wait(0.02):
        with figures.noting("bad inputs"):
            answer = hostile.one()
            figures.inputs[answer[9:12].decode("latin-1") or "closed"] += 1
            figures.leaks += bool(leaks(answer)) or key in answer


def slow_clients(live: Live, figures: Figures, over: threading.Event) -> None:
    kinds = [*BEGINNINGS.values(), UNREAD]
    while not over.is_set():
        kinds.append(kinds.pop(0))
        try:
            with Slow(live.settings.port, kinds[-1], 200) as slow:
                over.wait(15)
            figures.slow += slow.closed
        except OSError:  # nobody listens while the service restarts
            over.wait(2)


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
