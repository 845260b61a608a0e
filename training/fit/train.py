"""Fine-tune the network; an interrupted run resumes from its last checkpoint.

    python -m training.fit.train --data DIR --out DIR [--net lite0|clip] [--steps N] [--minutes M]

The learning rate falls to zero by whichever comes first, the last step or the last minute. Kept in
OUT/best.pt is the checkpoint with the highest mean AUC per source on the validation split.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import platform
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn
from torch.utils.data import DataLoader

from service.runtime.allocator import M_MMAP_MAX, M_TRIM_THRESHOLD, mallopt
from training.data.augment import augment, plain
from training.data.batches import Batches
from training.data.dataset import Index, all_copies
from training.data.selfblend import self_blend
from training.data.species import decided, loss_of
from training.data.split import write_groups
from training.fit.splits import some_of_each, splits
from training.nets.nets import RECIPES, Recipe, keep_rate, warm
from training.nets.precision import device, mixed

AVERAGE = 0.998
WARM_UP = 0.03  # fraction of the run
SAVED = 25  # steps between checkpoints


@dataclass
class State:
    """All that a checkpoint holds."""

    recipe: Recipe
    net: nn.Module
    average: nn.Module
    optimiser: torch.optim.Optimizer
    step: int = 0
    seconds: float = 0.0
    best: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)

    def save(self, file: Path) -> None:
        """Written beside and then moved, so that an interruption leaves the old one."""
        parts = {
            "net": self.net.state_dict(), "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(), "step": self.step,
            "seconds": self.seconds, "best": self.best, "history": self.history,
        }  # fmt: skip
        torch.save(parts, file.with_suffix(".part"))
        file.with_suffix(".part").replace(file)

    def restore(self, file: Path) -> None:
        parts = torch.load(file, map_location="cpu", weights_only=True)
        for name in ("net", "average", "optimiser"):
            getattr(self, name).load_state_dict(parts[name])
        for name in ("step", "seconds", "best", "history"):
            setattr(self, name, parts[name])


def new_state(recipe: Recipe) -> State:
    net = recipe.make().to(device())
    optimiser = torch.optim.AdamW(net.parameters(), recipe.rate, weight_decay=recipe.decay)
    return State(recipe, net, copy.deepcopy(net).eval(), optimiser)


def begin(
    state: State, batches: Iterable[tuple[Tensor, Tensor]], checkpoint: Path | None = None
) -> None:
    """Begin with a checkpoint's averaged weights, or with what is fitted before the first step."""
    if checkpoint:
        parts = torch.load(checkpoint, map_location="cpu", weights_only=True)
        state.net.load_state_dict(parts["average"])
    else:
        warm(state.net, state.recipe.tensor, batches)
    state.average.load_state_dict(state.net.state_dict())


def rate_at(progress: float) -> float:
    """Learning rate at 0..1 of the run, as a share of the highest: warm-up, then a half cosine."""
    if progress < WARM_UP:
        return (progress + 1e-3) / WARM_UP
    return 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))


def train_step(state: State, batch: tuple[Tensor, Tensor], progress: float) -> float:
    for group in state.optimiser.param_groups:
        group["lr"] = state.recipe.rate * rate_at(progress)
    images, kinds = (part.to(device(), non_blocking=True) for part in batch)
    keep_rate(state.net.train(), progress)
    loss = loss_on(state.net, state.recipe.tensor(images), kinds)
    state.optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    state.optimiser.step()
    follow(state.average, state.net, min(AVERAGE, (1 + state.step) / (10 + state.step)))
    state.step += 1
    return float(loss.detach())


def loss_on(net: nn.Module, images: Tensor, kinds: Tensor) -> Tensor:
    """The loss of a batch; of its species where the network tells them apart."""
    apart = getattr(net, "species_logits", None)
    with mixed():
        found = (apart or net)(images)
    return (loss_of if apart else decided)(found.float(), kinds)


@torch.no_grad()
def follow(average: nn.Module, net: nn.Module, keep: float) -> None:
    """Moving average of all weights and batch statistics."""
    for mine, theirs in zip(average.state_dict().values(), net.state_dict().values(), strict=True):
        if mine.is_floating_point():
            mine.lerp_(theirs, 1 - keep)
        else:
            mine.copy_(theirs)


def logits_of(state: State, images: Iterator[np.ndarray]) -> np.ndarray:
    """Logits of SIZExSIZEx3 uint8 views."""
    net, tensor, found = state.average.eval(), state.recipe.tensor, []
    with torch.inference_mode(), mixed():
        while batch := list(islice(images, 32)):
            views = torch.from_numpy(np.stack(batch)).to(device())
            found.append(net(tensor(views)).float().cpu().numpy())
    return np.concatenate(found)


def validate(state: State, index: Index, crops: np.ndarray, rows: np.ndarray) -> dict[str, float]:
    """AUC per source with both classes, and of self-blends against all genuine faces."""
    scores = logits_of(state, (_shaken(crops[r], r) for r in rows))
    genuine = rows[~index.fake[rows]]
    blends = (_shaken(self_blend(crops[r], index.keypoints[r], int(r)), r) for r in genuine)
    blended = logits_of(state, blends)
    fake, source, found = index.fake[rows], index.source[rows], {}
    for name in np.unique(source):
        mine = source == name
        if 0 < fake[mine].sum() < mine.sum():
            found[str(name)] = float(roc_auc_score(fake[mine], scores[mine]))
    labels = np.r_[np.zeros(len(genuine)), np.ones(len(genuine))]
    found["self-blends"] = float(roc_auc_score(labels, np.r_[scores[~fake], blended]))
    return found


def _shaken(crop: np.ndarray, row: int) -> np.ndarray:
    """Every second image as it is, every second as the augmentation leaves it."""
    return plain(crop) if row % 2 else augment(crop, int(row))


def train(data: Path, out: Path, steps: int, minutes: float, options: dict[str, Any]) -> Path:
    """Train to the end, unless that is done; returns the best checkpoint, OUT/best.pt."""
    keep_memory()
    torch.manual_seed(options["seed"])
    index, crops, assigned = splits(data, out, options)
    state, last = new_state(RECIPES[options["net"]]), out / "last.pt"
    if last.exists():
        state.restore(last)
    write_groups(out / "groups.csv", index, assigned)
    dataset, made = _batches(state, (index, crops, assigned), out, options)
    record(out, assigned, steps, minutes, options | made)
    loader = DataLoader(dataset, batch_size=None, num_workers=options["workers"])
    validation = some_of_each(index, np.flatnonzero(assigned == "validation"))
    if not state.step:
        begin(state, dataset, options["start"])
    before, start, losses, batches = state.seconds, time.monotonic(), [], iter(loader)
    while (progress := max(state.step / steps, state.seconds / 60 / minutes)) < 1:
        losses.append(train_step(state, next(batches), progress))
        state.seconds = before + time.monotonic() - start
        if state.step % SAVED == 0:
            state.save(last)
        ended = state.step >= steps or state.seconds / 60 >= minutes
        if ended or state.step % options["every"] == 0:
            report(state, validate(state, index, crops, validation), losses, out)
            losses = []
    return out / "best.pt"


def _batches(
    state: State,
    data: tuple[Index, np.ndarray, np.ndarray],
    out: Path,
    options: dict[str, Any],
) -> tuple[Batches, dict[str, Any]]:
    """Batches of the training split, copies included; and what a record says of them."""
    index, crops, assigned = data
    copies = all_copies(out)
    rows = np.flatnonzero(assigned == "train")
    seed, size = options["seed"] + state.step, options["batch"]
    dataset = Batches(index, crops, rows, seed, [*copies.values()], size=size)
    made = {"swaps": True} | {f"{name}_copies": len(some.rows) for name, some in copies.items()}
    if hasattr(state.net, "species_logits"):
        made["species"] = len(dataset.species)
    return dataset, made


def keep_memory() -> None:
    """Keep all that is freed, tensors of any size: faulting them in again can cost 3/4 of a run."""
    mallopt(M_MMAP_MAX, 0)
    mallopt(M_TRIM_THRESHOLD, 2**31 - 1)


def report(state: State, aucs: dict[str, float], losses: list[float], out: Path) -> None:
    """Print, remember, save; and keep the best."""
    mean = float(np.mean(list(aucs.values())))
    entry = {"step": state.step, "minutes": state.seconds / 60, "loss": float(np.mean(losses))}
    state.history.append({**entry, **aucs, "mean": mean})
    print(json.dumps({k: round(v, 4) for k, v in state.history[-1].items()}), flush=True)
    (out / "history.json").write_text(json.dumps(state.history, indent=1) + "\n")
    if better := mean > state.best:
        state.best = mean
    state.save(out / "last.pt")
    if better:
        state.save(out / "best.pt")


def record(
    out: Path, assigned: np.ndarray, steps: int, minutes: float, options: dict[str, Any]
) -> None:
    """OUT/run.json: what is needed to repeat the run."""
    names, counts = np.unique(assigned, return_counts=True)
    images = {str(n) or "no face": int(c) for n, c in zip(names, counts, strict=True)}
    versions = {"python": platform.python_version(), "torch": torch.__version__}
    run = {"steps": steps, "minutes": minutes, **options, "versions": versions, "images": images}
    (out / "run.json").write_text(json.dumps(run, indent=2, default=lambda file: file.name) + "\n")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, required=True, help="folder with labels.csv")
    parser.add_argument("--out", type=Path, required=True, help="crops, checkpoints and records")
    parser.add_argument("--net", choices=sorted(RECIPES), default="lite0")
    parser.add_argument("--steps", type=int, default=4000, help="batches at the most")
    parser.add_argument("--batch", type=int, default=32, help="images in one, half of them fake")
    parser.add_argument(
        "--minutes", type=float, default=1e6, help="end after so long at the latest"
    )
    parser.add_argument("--every", type=int, default=250, help="steps between validations")
    parser.add_argument("--workers", type=int, default=1, help="processes that augment")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--start", type=Path, help="checkpoint of an earlier training to go on from"
    )
    parser.add_argument("--cluster", nargs="*", default=["dfdc"], help="sources to split by look")
    parser.add_argument("--groups", type=Path, help="groups.csv of an earlier training: its split")
    parser.add_argument("--hold-out", nargs="*", default=["stylegan2"], help="test-only sources")


def options_of(args: argparse.Namespace) -> dict[str, Any]:
    names = ("net", "batch", "every", "workers", "seed", "start", "groups", "cluster", "hold_out")
    return {name: getattr(args, name) for name in names}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_arguments(parser)
    args = parser.parse_args()
    print(train(args.data, args.out, args.steps, args.minutes, options_of(args)))


if __name__ == "__main__":
    main()
