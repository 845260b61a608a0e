"""Map over items on threads, in order, with a bounded number of results ahead."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def prefetch_map(
    work: Callable[[T], R], items: Iterable[T], threads: int, most: int
) -> Iterator[R]:
    """`map(work, items)` on several threads; at most `most` items are begun and not yet taken."""
    pool = ThreadPoolExecutor(threads)
    source = iter(items)
    try:
        pending: deque[Future[R]] = deque(pool.submit(work, item) for item in islice(source, most))
        while pending:
            done = pending.popleft().result()
            pending.extend(pool.submit(work, item) for item in islice(source, 1))
            yield done
    finally:
        pool.shutdown(cancel_futures=True)  # so that Ctrl-C does not wait for the rest
