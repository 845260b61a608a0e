"""SIGTERM under new connections: refused or answered, never reset."""

from __future__ import annotations

import signal
import threading
from collections import Counter
from pathlib import Path

import requests

from tests.live import Live


def test_sigterm_resets_no_connection(tmp_path: Path) -> None:
    with Live(tmp_path, probability=0.2, workers=2) as live:
        seen: Counter[str] = Counter()
        over = threading.Event()

        def ask() -> None:
            while not over.is_set():
                try:
                    seen[str(requests.get(f"{live.base}/healthz", timeout=20).status_code)] += 1
                except requests.ConnectionError as error:
                    refused = "refused" in str(error)
                    seen["refused" if refused else repr(error)] += 1
                    if refused:
                        return

        clients = [threading.Thread(target=ask) for _ in range(8)]
        for client in clients:
            client.start()
        over.wait(2)
        live.process.send_signal(signal.SIGTERM)
        assert live.process.wait(60) == 0
        over.wait(2)
        over.set()
        for client in clients:
            client.join(30)
    assert set(seen) <= {"200", "refused"}
    assert seen["200"] >= 20
