"""What a probe takes while 200 slow clients hold their connections, for each kind of them.

python -m scripts.bench.slow_clients --seconds 10
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import requests

from tests.live import Live
from tests.security.slow import BEGINNINGS, UNREAD, Slow
from tests.servers import free_port

KINDS = BEGINNINGS | {"unread": UNREAD}


def asked(address: str, seconds: float) -> list[float]:
    """Milliseconds that each answer took, sorted."""
    taken: list[float] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        began = time.perf_counter()
        assert requests.get(address, timeout=20).status_code == 200
        taken.append(1000 * (time.perf_counter() - began))
        time.sleep(0.05)
    return sorted(taken)


def told(name: str, taken: list[float]) -> None:
    middle, most = taken[len(taken) // 2], taken[len(taken) * 99 // 100]
    print(f"{name:20} {len(taken):5} {middle:8.1f} {most:8.1f} {taken[-1]:8.1f}", flush=True)


def measure(live: Live, seconds: float) -> None:
    ports = {"": live.settings.port, " (health port)": live.settings.health_port}
    print(f"{'milliseconds':20} {'asked':>5} {'median':>8} {'99 %':>8} {'worst':>8}")
    for where, port in ports.items():
        address = f"http://127.0.0.1:{port}/healthz"
        told(f"nobody{where}", asked(address, seconds))
        for kind, beginning in KINDS.items():
            with Slow(live.settings.port, beginning, 200):
                time.sleep(1)
                told(f"{kind}{where}", asked(address, seconds))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=10)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        settings = {"workers": 2, "health_port": free_port(), "client_timeout": 4}
        with Live(Path(folder), probability=0.2, **settings) as live:
            measure(live, options.seconds)


if __name__ == "__main__":
    main()
