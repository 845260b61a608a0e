"""Trains the network of the voice detector on views.

    python -m training.voice.train --views DIR --out FILE [--hold-out SOURCE ...] [--steps 1500]

Every batch is half genuine, half synthetic, couple by couple (`couples`). What is learned is
judged by `training.voice.evaluate` on the clips of sources that were held out.
"""

from __future__ import annotations

import argparse
import copy
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from training.voice.clips import Clip
from training.voice.couples import Couples
from training.voice.nets import VoiceNet

COUPLES, SMOOTH, MIXED, MASKED = 16, 0.04, 0.2, 0.7
KEPT = 100  # steps between checkpoints


@dataclass(frozen=True)
class TrainOptions:
    """`start`: a checkpoint to go on from."""

    phase: bool = True
    steps: int = 1500
    rate: float = 1.5e-3
    seed: int = 0
    start: Path | None = None


def train(views: Path, out: Path, held: set[str], options: TrainOptions) -> VoiceNet:
    """Write the checkpoint OUT: the mean of the weights over the last steps."""
    rng = np.random.default_rng(options.seed)
    torch.manual_seed(options.seed)
    sounds, couples = _opened(views, held, rng)
    net = VoiceNet(options.phase, dropout=0.2)
    if options.start:
        net.load_state_dict(torch.load(options.start, weights_only=True)["net"])
    net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    mean = copy.deepcopy(net)
    learner = torch.optim.AdamW(net.parameters(), options.rate, weight_decay=1e-2)
    plan = torch.optim.lr_scheduler.OneCycleLR(
        learner, options.rate, total_steps=options.steps, pct_start=0.08
    )
    for step in range(options.steps):
        loss = _loss(net, *_batch(sounds, couples, rng), rng)
        learner.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(net.parameters(), 2.0)
        learner.step()
        plan.step()
        _follow(mean, net, min(0.99, (1 + step) / (10 + step)))
        if step % KEPT == KEPT - 1 or step == options.steps - 1:
            print(f"step {step + 1}: loss {loss.item():.3f}", flush=True)
            torch.save({"phase": options.phase, "net": mean.state_dict()}, out)
    return mean


def _opened(views: Path, held: set[str], rng: np.random.Generator) -> tuple[np.ndarray, Couples]:
    clips = [Clip(**row) for row in json.loads((views / "views.json").read_text())]
    rows = np.array([n for n, clip in enumerate(clips) if clip.source not in held])
    sounds = np.load(views / "views.npy", mmap_mode="r")
    return sounds[rows] if held else sounds, Couples([clips[n] for n in rows], rng)


def _batch(sounds: np.ndarray, couples: Couples, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Sounds, turned round in time by a drawn amount, and labels."""
    drawn = [couples.draw() for _ in range(COUPLES)]
    rows = [fake for fake, _ in drawn] + [genuine for _, genuine in drawn]
    taken = np.stack([sounds[row] for row in rows]).astype(np.float32) / 2**15
    rolled = np.roll(taken, int(rng.integers(taken.shape[1])), axis=1)
    label = torch.cat([torch.ones(COUPLES), torch.zeros(COUPLES)])
    return torch.from_numpy(rolled), label


def _loss(net: VoiceNet, sound: Tensor, label: Tensor, rng: np.random.Generator) -> Tensor:
    net.train()
    with torch.no_grad():
        features = _masked(net.front(sound), rng)
    if rng.random() < MIXED:
        share, order = float(rng.beta(0.4, 0.4)), torch.randperm(len(label))
        features = share * features + (1 - share) * features[order]
        label = share * label + (1 - share) * label[order]
    with torch.autocast("cpu", torch.bfloat16):
        logit = net(features.contiguous(memory_format=torch.channels_last)).float()
    soft = label * (1 - 2 * SMOOTH) + SMOOTH
    return functional.binary_cross_entropy_with_logits(logit, soft)


def _masked(features: Tensor, rng: np.random.Generator) -> Tensor:
    """Blank a band and a stretch of time of most views."""
    lines, frames = features.shape[2:]
    for row in range(len(features)):
        if rng.random() < MASKED:
            high, wide = int(rng.integers(lines // 6)), int(rng.integers(min(40, frames)))
            line, frame = int(rng.integers(lines - high)), int(rng.integers(frames - wide))
            features[row, :, line : line + high] = 0
            features[row, :, :, frame : frame + wide] = 0
    return features


@torch.no_grad()
def _follow(mean: VoiceNet, net: VoiceNet, keep: float) -> None:
    for one, other in zip(mean.state_dict().values(), net.state_dict().values(), strict=True):
        if one.dtype.is_floating_point:
            one.mul_(keep).add_(other, alpha=1 - keep)
        else:
            one.copy_(other)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--views", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--hold-out", action="append", default=[], metavar="SOURCE")
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--start", type=Path)
    parser.add_argument("--no-phase", action="store_true")
    args = parser.parse_args()
    options = TrainOptions(not args.no_phase, args.steps, seed=args.seed, start=args.start)
    train(args.views, args.out, set(args.hold_out), options)


if __name__ == "__main__":
    main()
