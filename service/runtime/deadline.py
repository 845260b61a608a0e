"""Waiting no longer than so many seconds for what cannot be told how long it may take."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


def run_with_deadline(seconds: float, call: Callable[[], T], name: str) -> T:
    """What `call` answers or raises; TimeoutError when it takes longer.

    A thread cannot be stopped: one that is late runs on under `name` and is heard by nobody.
    """
    answer: Future[T] = Future()

    def run() -> None:
        try:
            answer.set_result(call())
        except BaseException as error:
            answer.set_exception(error)

    threading.Thread(target=run, name=name, daemon=True).start()
    return answer.result(timeout=max(seconds, 0))
