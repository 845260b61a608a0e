"""Plan which objects belong to which shard, once, so that no object is in two of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice

from service.cloud.backfill.output import ResultFolder
from service.errors import StartupError
from service.media.address import Address, parse

PLAN = "plan.json"


@dataclass(frozen=True)
class BackfillPlan:
    """`fingerprint` is that of the model and settings that judge."""

    source: str
    fingerprint: str
    shards: int
    objects: int


def settled_plan(
    output: ResultFolder, source: str, fingerprint: str, objects: Iterable[Address], size: int
) -> BackfillPlan:
    """The plan that the output holds, or a new one. Raises StartupError when it holds another's."""
    kept = output.read(PLAN)
    if kept is None:
        return _new_plan(output, source, fingerprint, objects, size)
    plan = _read(kept)
    if (plan.source, plan.fingerprint) != (source, fingerprint):
        raise StartupError(
            "The output holds a backfill of another prefix or by another model.",
            "Name another output: one output is for one prefix and one model.",
        )
    return plan


def open_shards(output: ResultFolder, plan: BackfillPlan) -> list[int]:
    """The shards that have no results yet."""
    done = set(output.names("results"))
    return [number for number in range(plan.shards) if f"{number:06d}.jsonl" not in done]


def keys_of(output: ResultFolder, number: int) -> list[Address]:
    """The objects of a shard."""
    text = (output.read(f"shards/{number:06d}.txt") or b"").decode()
    return [address for line in text.split("\n") if (address := parse(json.loads(line or '""')))]


def _new_plan(
    output: ResultFolder, source: str, fingerprint: str, objects: Iterable[Address], size: int
) -> BackfillPlan:
    shards, total = 0, 0
    for part in _batches(iter(objects), size):
        lines = "\n".join(json.dumps(address.url()) for address in part)
        output.write(f"shards/{shards:06d}.txt", lines.encode())
        shards, total = shards + 1, total + len(part)
    plan = BackfillPlan(source, fingerprint, shards, total)
    output.write(PLAN, json.dumps(asdict(plan)).encode())  # last: without it nothing is settled
    return plan


def _batches(objects: Iterator[Address], size: int) -> Iterator[list[Address]]:
    while part := list(islice(objects, size)):
        yield part


def _read(kept: bytes) -> BackfillPlan:
    try:
        return BackfillPlan(**json.loads(kept))
    except (ValueError, TypeError):
        raise StartupError(
            "The output's plan cannot be read.", "Name another output, or delete this one."
        ) from None
