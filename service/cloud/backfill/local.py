"""Run a backfill on all cores of this machine; a shard whose worker was killed runs again."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool

import structlog

from service.cloud.backfill.shard import ShardWorker
from service.errors import StartupError

DEATHS = 5  # in a row, without a shard done in between
log = structlog.get_logger()
_scorer: ShardWorker  # of this worker process


def score_locally(output: str, shards: Sequence[int], workers: int) -> Iterator[int | None]:
    """What `Scorer.score` returns for each shard, in no order. Raises StartupError."""
    left, deaths = set(shards), 0
    while left:
        try:
            for number, judged in _pass(output, sorted(left), workers):
                left.discard(number)
                deaths = 0
                yield judged
        except BrokenProcessPool:
            deaths += 1
            log.warning("worker died", in_a_row=deaths)
            if deaths == DEATHS:
                raise StartupError(
                    "The workers die again and again.",
                    "Look for a lack of memory, or use fewer --workers.",
                ) from None


def _pass(output: str, shards: Sequence[int], workers: int) -> Iterator[tuple[int, int | None]]:
    # Spawned, not forked: native sessions do not survive a fork.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, initializer=_start, initargs=(output,))
    try:
        begun = {pool.submit(_score, number): number for number in shards}
        for future in as_completed(begun):
            yield begun[future], future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _start(output: str) -> None:
    global _scorer  # noqa: PLW0603 (the one way to give a pool's process a state)
    _scorer = ShardWorker(output)


def _score(number: int) -> int | None:
    return _scorer.score(number)
