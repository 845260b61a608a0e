"""`facegate backfill`: judge a whole prefix with the current model."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, Literal

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from service.cloud.aws.config import load_config
from service.cloud.aws.s3 import S3
from service.cloud.aws.session import Cloud
from service.cloud.backfill.local import score_locally
from service.cloud.backfill.output import open_output
from service.cloud.backfill.plan import BackfillPlan, open_shards, settled_plan
from service.cloud.predictor import Predictor
from service.errors import StartupError
from service.media.address import parse
from service.runtime.console import print_json
from service.runtime.machine import usable_cores
from service.settings import load_settings

Engine = Literal["local", "ray"]


def backfill(source: str, output: str, engine: Engine, workers: int, shard_size: int) -> int:
    """Print what was done; 2 when shards are left. Raises StartupError or CloudError."""
    if parse(output) is None:
        output = str(Path(output).absolute())  # workers may stand in another folder
    prefix = parse(source)
    if prefix is None or not prefix.is_prefix:
        raise StartupError(f"{source} is no prefix in S3.", "End it with a slash.")
    settings, cloud = load_settings(), Cloud(load_config())
    fingerprint = Predictor.load(settings, cloud).fingerprint
    where = open_output(output, cloud)
    objects = S3(cloud, settings).media(prefix)
    plan = settled_plan(where, prefix.url(), fingerprint, objects, shard_size)
    shards = open_shards(where, plan)
    start = time.monotonic()
    done = _run(engine, output, shards, workers or usable_cores())
    print_json(_figures(plan, done, time.monotonic() - start))
    return 2 if None in done else 0


def _figures(plan: BackfillPlan, done: Sequence[int | None], seconds: float) -> dict[str, Any]:
    judged = sum(one for one in done if one is not None)
    return {
        "objects": plan.objects,
        "judged_now": judged,
        "shards": plan.shards,
        "shards_left": done.count(None),
        "seconds": round(seconds, 1),
        "per_second": round(judged / seconds, 1) if seconds else 0.0,
    }


def _run(engine: Engine, output: str, shards: Sequence[int], workers: int) -> list[int | None]:
    console = Console(stderr=True)
    columns = (TextColumn("Shards"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    hidden = not console.is_terminal
    progress = Progress(*columns, console=console, transient=True, disable=hidden)
    # Ray's own remarks go to standard output, where only the counts belong.
    with progress, redirect_stdout(sys.stderr):
        results = _engine(engine, output, shards, workers) if shards else iter(())
        return list(progress.track(results, total=len(shards)))


def _engine(
    engine: Engine, output: str, shards: Sequence[int], workers: int
) -> Iterator[int | None]:
    if engine == "local":
        return score_locally(output, shards, workers)
    from service.cloud.backfill.ray_engine import score_on_ray

    return score_on_ray(output, shards, workers)
