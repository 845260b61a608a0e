"""A small steady load on a running service, and what became of every request."""

from __future__ import annotations

import threading
from itertools import count
from types import TracebackType
from typing import Any, Self

import requests

from tests.images import genuine
from tests.live import Live, data_uri

_serial = count()


def fresh_selfie() -> bytes:
    """The bundled portrait with a SHA-256 of its own: bytes behind the end marker do not show."""
    return genuine() + next(_serial).to_bytes(8, "big")


class Load:
    """`clients` threads, each one request after the other, from enter to exit; `pause`: seconds
    between two of them, where it matters how long it lasts and not how much it is.

    `answers` holds (status, body) of every request that was answered; `broken` the exceptions.
    """

    def __init__(self, live: Live, clients: int = 2, pause: float = 0.0) -> None:
        self.answers: list[tuple[int, dict[str, Any]]] = []
        self.broken: list[Exception] = []
        self._live, self._hash_id, self._pause = live, live.hash_id, pause
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(clients)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)

    @property
    def statuses(self) -> set[int]:
        return {status for status, _ in self.answers}

    @property
    def ids(self) -> set[str]:
        """Results that the service acknowledged."""
        return {body["id"] for status, body in self.answers if status == 200}

    def _run(self) -> None:
        while not self._stop.is_set():
            body = {"hash_id": self._hash_id, "image": data_uri(fresh_selfie())}
            try:
                answer = requests.post(f"{self._live.base}/v1/analyze", json=body, timeout=30)
                self.answers.append((answer.status_code, answer.json()))
            except requests.RequestException as error:  # an answer that is not JSON, too
                self.broken.append(error)
                self._stop.wait(0.1)
            self._stop.wait(self._pause)


def kept_ids(live: Live) -> set[str]:
    """The ids of all results that the service lists, page by page, until the store is away."""
    found: set[str] = set()
    cursor: str | None = None
    while True:
        answer = live.results(limit=100, **({"cursor": cursor} if cursor else {}))
        page = answer.json()
        if page.get("code") == "STORE_UNAVAILABLE":
            return found
        found |= {result["id"] for result in page["results"]}
        cursor = page.get("next")
        if not cursor:
            return found
