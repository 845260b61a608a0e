"""Run a call with a deadline."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


def run_with_deadline(seconds: float, call: Callable[[], T], name: str) -> T:
    """Return what `call` returns or raise what it raises; TimeoutError when it takes longer.

    A thread cannot be stopped: one that is late runs on under `name` and its result is ignored.
    """
    answer: Future[T] = Future()

    def run() -> None:
        try:
            answer.set_result(call())
        except BaseException as error:
            answer.set_exception(error)

    threading.Thread(target=run, name=name, daemon=True).start()
    return answer.result(timeout=max(seconds, 0))
