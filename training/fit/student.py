"""Teach lite0 by clip: a shipped lite0 goes on learning, from labels and from what a teacher says.

    python -m training.fit.student --out DIR --model service/models/lite0 \
        --teacher service/models/clip [--minutes N]
    python -m training.export.export --checkpoint DIR/student.pt --out MODEL

OUT is the folder of `training.fit.train` with the pools that `training.fit.readout` kept of the
teacher's tower: the views are drawn again by the numbers of their files, so the teacher need not
look at them twice. Of each view the student learns the species, the teacher's log-odds, and, by a
layer that is thrown away afterwards, the teacher's inner units: these say more of a view than its
label does. The first BLOCKS blocks stay as they are: they are a fifth of the cost of a step.
Interrupted, the same command goes on.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import smooth_l1_loss

from training.data.pools import collect, load, pairs_of
from training.data.species import fake_logit, loss_of, numbers
from training.fit.readout import note, of_model
from training.fit.ridge import Values, log_odds, units
from training.fit.train import follow, keep_memory, rate_at
from training.nets.model import FEATURES, FaceNet
from training.nets.nets import RECIPES
from training.nets.unfold_batchnorm import unfold_batchnorm

BLOCKS = 3  # of sixteen
RATE, NEW_RATE, DECAY = 4e-4, 2e-3, 0.03  # of the network, and of its new layers
PAIRS = 16  # a step
SAID, HINTED = 0.1, 0.7  # weights of the teacher's log-odds and of its units
SURE = 6.0  # log-odds beyond which nothing more is asked for
AVERAGE, SAVED = 0.998, 100  # of the weights; steps between checkpoints
FLAT = 1e-2  # added to a spread
PARTS = ("student", "optimiser", "average")  # of a checkpoint
Clock = Callable[[], float]  # seconds


class Lesson(NamedTuple):
    """2N views SxSx3 uint8, genuine and fake in turn; species' numbers, the teacher's log-odds and
    its standardised units."""

    views: Tensor
    kinds: Tensor
    said: Tensor
    units: Tensor


class Student(nn.Module):
    """A folded lite0 with a new head, and what guesses the teacher's `count` units."""

    def __init__(self, net: FaceNet, count: int) -> None:
        super().__init__()
        self.net, self.hint = net, nn.Linear(FEATURES, count)
        net.head = nn.Linear(FEATURES, net.head.out_features)
        for part in (net.head, self.hint):
            nn.init.zeros_(part.weight)
            nn.init.zeros_(part.bias)
        body = net.backbone
        for part in (body._conv_stem, *body._blocks[:BLOCKS]):
            part.requires_grad_(False)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Nx(1 + SPECIES) logits, and N x count units."""
        pooled = self.net.dropout(self.net.features(images).mean(dim=(2, 3)))
        return self.net.head(pooled), self.hint(pooled)

    def parts(self) -> list[dict[str, object]]:
        """What is learned, for an optimiser; each with its `base` rate."""
        new = [*self.net.head.parameters(), *self.hint.parameters()]
        known = {id(one) for one in new}
        old = [p for p in self.parameters() if p.requires_grad and id(p) not in known]
        return [{"params": old, "base": RATE}, {"params": new, "base": NEW_RATE}]


def lessons(
    out: Path, files: list[Path], teacher: Values, known: dict[str, int]
) -> Iterator[Lesson]:
    """Lessons without end: the files in ever another order."""
    rng = np.random.default_rng(0)
    mean, spread = spread_of(teacher, files[0])
    while True:
        for file in rng.permutation(np.array(files, dtype=object)):
            yield from _of_file(out, file, teacher, known, (mean, spread))


def spread_of(teacher: Values, file: Path) -> tuple[np.ndarray, np.ndarray]:
    """Mean and spread of each of the teacher's units."""
    found = np.maximum(units(teacher, load([file]).pools), 0)
    return found.mean(axis=0), found.std(axis=0) + FLAT


def _of_file(
    out: Path,
    file: Path,
    teacher: Values,
    known: dict[str, int],
    scale: tuple[np.ndarray, np.ndarray],
) -> Iterator[Lesson]:
    read = load([file])
    hints = (np.maximum(units(teacher, read.pools), 0) - scale[0]) / scale[1]
    said = log_odds(teacher, read.pools)
    kinds = np.array([known[name] for name in read.species.tolist()]) * (read.fake > 0)
    part, number = file.stem.rsplit("-", 1)
    drawn = zip(range(0, len(kinds), 2), pairs_of(out, part, int(number)), strict=False)
    while some := list(islice(drawn, PAIRS)):
        rows = np.concatenate([[row, row + 1] for row, _ in some])
        views = np.stack([view for _, (_, pair) in some for view in pair])
        answers = (kinds[rows], said[rows].astype(np.float32), hints[rows].astype(np.float32))
        yield Lesson(torch.from_numpy(views), *map(torch.from_numpy, answers))


def loss_on(student: Student, lesson: Lesson) -> Tensor:
    kinds, guessed = student(RECIPES["lite0"].tensor(lesson.views))
    said = smooth_l1_loss(fake_logit(kinds), lesson.said.clamp(-SURE, SURE))
    return (
        loss_of(kinds, lesson.kinds) + SAID * said + HINTED * smooth_l1_loss(guessed, lesson.units)
    )


class Teaching:
    """Training that goes on where it was interrupted."""

    def __init__(self, student: Student, last: Path) -> None:
        """last: the checkpoint."""
        self.student, self._last = student, last
        self.optimiser = torch.optim.AdamW(student.parts(), RATE, weight_decay=DECAY)
        self.average = unfolded_copy(student.net)
        self.step, self.before = 0, 0.0
        if last.exists():
            self._restore()

    def learn(self, lesson: Lesson, progress: float) -> float:
        """One step; returns the loss."""
        for group in self.optimiser.param_groups:
            group["lr"] = group["base"] * rate_at(progress)
        loss = loss_on(self.student, lesson)
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        follow(self.average, self.student.net, min(AVERAGE, (1 + self.step) / (10 + self.step)))
        self.step += 1
        return float(loss.detach())

    def save(self, seconds: float) -> None:
        parts = {name: getattr(self, name).state_dict() for name in PARTS}
        torch.save({**parts, "step": self.step, "seconds": seconds}, self._last)

    def _restore(self) -> None:
        kept = torch.load(self._last, map_location="cpu", weights_only=True)
        for name in PARTS:
            getattr(self, name).load_state_dict(kept[name])
        self.step, self.before = kept["step"], kept["seconds"]


def teach(
    student: Student,
    given: Iterator[Lesson],
    file: Path,
    minutes: float,
    clock: Clock = time.monotonic,
) -> int:
    """Teach until the minutes are over; FILE gets the averaged network. Returns the steps."""
    course = Teaching(student, file.with_suffix(".last.pt"))
    start = clock()
    student.train()
    while (spent := course.before + clock() - start) < 60 * minutes:
        loss = course.learn(next(given), spent / 60 / minutes)
        if course.step % SAVED == 0:
            print(course.step, round(spent), round(loss, 3), flush=True)
            course.save(spent)
    torch.save({"average": course.average.state_dict()}, file)
    return course.step


def unfolded_copy(net: FaceNet) -> FaceNet:
    """Another network of the same weights."""
    made: FaceNet = RECIPES["lite0-folded"].make()  # type: ignore[assignment]
    made.load_state_dict(net.state_dict())
    return made.eval()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of training.fit.train")
    parser.add_argument("--model", type=Path, default=Path("service/models/lite0"))
    parser.add_argument("--teacher", type=Path, default=Path("service/models/clip"))
    parser.add_argument("--views", type=int, default=26_000, help="augmented training views")
    parser.add_argument("--minutes", type=float, default=60)
    args = parser.parse_args()
    keep_memory()
    torch.manual_seed(0)
    files = collect(args.out, args.teacher, "train", args.views)
    teacher, known = of_model(args.teacher), numbers(load(files).species.tolist())
    student = Student(unfold_batchnorm(args.model / "model.onnx"), len(teacher["readout.bias"]))
    given = lessons(args.out, files, teacher, known)
    steps = teach(student, given, args.out / "student.pt", args.minutes)
    figures = {"steps": steps, "views": args.views, "species": len(known)}
    note(args.out, "student", figures)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
