"""Run a backfill on Ray Data's workers; Ray starts a killed one again."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from typing import Any

from service.cloud.backfill.shard import ShardWorker
from service.errors import StartupError

STORE_BYTES = 80 * 2**20  # only numbers of shards travel through Ray's object store


class RayScorer:
    """One actor of the pool: models loaded once, then shard after shard."""

    def __init__(self, output: str) -> None:
        self._scorer = ShardWorker(output)

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[int]]:
        judged = [self._scorer.score(int(number)) for number in batch["item"]]
        return {"judged": [-1 if one is None else one for one in judged]}


def score_on_ray(output: str, shards: Sequence[int], workers: int) -> Iterator[int | None]:
    """Do what `score_locally` does on a Ray cluster: that of RAY_ADDRESS, or one made here.

    Raises StartupError.
    """
    ray = _started(workers)
    try:
        data = ray.data.from_items(list(shards), override_num_blocks=len(shards)).map_batches(
            RayScorer,
            fn_constructor_args=(output,),
            batch_size=1,
            num_cpus=1,
            compute=ray.data.ActorPoolStrategy(size=min(workers, len(shards))),
        )
        for row in data.iter_rows():
            yield None if row["judged"] < 0 else row["judged"]
    finally:
        ray.shutdown()


def _started(workers: int) -> Any:
    try:
        import ray
        import ray.data
    except ImportError:
        raise StartupError(
            "Ray is not installed.", "Install it with `pip install facegate[ray]`."
        ) from None
    own: dict[str, Any] = {"num_cpus": workers, "object_store_memory": STORE_BYTES}
    ray.init(
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
        **({} if os.environ.get("RAY_ADDRESS") else own),
    )
    ray.data.DataContext.get_current().enable_progress_bars = False
    return ray
