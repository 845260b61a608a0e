"""Fit the readout of the tower's layers, and its head; the tower stays as it is.

    python -m training.fit.readout --out DIR --model service/models/clip [--views N]

OUT is the folder of `training.fit.train`, MODEL one of `training.export.export_tower`. Manipulation
shows in the tower's middle layers, too, most of which its last one has forgotten. Views of the
training split are read once (some twenty a second on two cores) and kept in OUT; the fit takes
minutes.

It learns which species a fake is of, too: told only that it is one, it misses far more of them.
With `--keep` the units that MODEL has stay as they are, beside new ones where it has fewer than
HIDDEN: what older data taught is not lost, whichever kinds of fakes are new.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn
from torch.nn.functional import pad

from training.data.pools import READOUT, PoolRows, collect, load, tuned_tower
from training.data.species import NEVER, SPECIES, fake_logit, loss_of, numbers
from training.export.manifest import changed, read_manifest, write_manifest
from training.fit.ridge import Values, log_odds
from training.nets.tower import HIDDEN, WIDTH

RATE, DECAY, DROPPED = 4e-4, 0.3, 0.5
LEFT_OUT = 0.4  # of the parts (one layer's class token, or one mean), so that it leans on none
SIZE = 256  # views a step
FLAT = 1e-4  # added to a spread: some values hardly ever differ
RARE = 1e-3  # likewise, of units that hardly ever fire
TELLING = 2000  # so many views, at least, tell how the kept units spread
CHECKED = 1024  # views of the validation split


def thinned(pools: np.ndarray) -> np.ndarray:
    """TELLING of the rows or up to twice as many, or all where there are fewer."""
    return pools[:: max(1, len(pools) // TELLING)]


class Kept(nn.Module):
    """NxD pools -> units of a readout that there was, standardised; they are not fitted."""

    def __init__(self, values: Values, pools: np.ndarray) -> None:
        super().__init__()
        self.register_buffer("weight", torch.from_numpy(values["readout.weight"]).float())
        self.register_buffer("bias", torch.from_numpy(values["readout.bias"]).float())
        found = torch.relu(torch.from_numpy(pools).float() @ self.weight + self.bias)
        self.register_buffer("mean", found.mean(dim=0))
        self.register_buffer("spread", found.std(dim=0) + RARE)

    def forward(self, pools: Tensor) -> Tensor:
        found: Tensor = torch.relu(pools @ self.weight + self.bias)
        return (found - self.mean) / self.spread


class Readout(nn.Module):
    """NxD pools -> N logits; it standardises them by itself. It knows `species` kinds of fakes.

    `keep`: of a readout that there was; its units take their place among HIDDEN.
    """

    def __init__(self, pools: np.ndarray, species: int, keep: Values | None = None) -> None:
        super().__init__()
        self.kept = Kept(keep, thinned(pools)) if keep else None
        new = HIDDEN - (len(keep["readout.bias"]) if keep else 0)
        mean, spread = pools.mean(axis=0, dtype=np.float64), pools.std(axis=0, dtype=np.float64)
        self.register_buffer("mean", torch.from_numpy(mean.astype(np.float32)))
        self.register_buffer("spread", torch.from_numpy(spread.astype(np.float32)) + FLAT)
        self.inner = nn.Linear(pools.shape[1], new)
        self.kinds = nn.Linear(HIDDEN, 1 + species)
        self.drop, self.leave_out = nn.Dropout(DROPPED), nn.Dropout1d(LEFT_OUT)

    def begin_with(self, values: Values) -> None:
        """It gives what it gave by the `values` of a model folder, genuine faces' logit being 0."""
        given = {name: torch.from_numpy(value.astype(np.float32)) for name, value in values.items()}
        weight, count = given["readout.weight"].T, self.kinds.out_features - 1
        with torch.no_grad():
            self.inner.weight.copy_(weight * self.spread)
            self.inner.bias.copy_(given["readout.bias"] + weight @ self.mean)
            self.kinds.weight.copy_(pad(given["species.weight"][:, :count].T, (0, 0, 1, 0)))
            self.kinds.bias.copy_(pad(given["species.bias"][:count], (1, 0)))

    def species_logits(self, pools: Tensor) -> Tensor:
        """Nx(1 + species) logits: genuine, and each species."""
        known = ((pools.float() - self.mean) / self.spread).unflatten(1, (-1, WIDTH))
        known = self.drop(self.leave_out(known).flatten(1))
        units = [self.drop(torch.relu(self.inner(known)))]
        if self.kept is not None:
            units.append(self.drop(self.kept(pools.float())))
        kinds: Tensor = self.kinds(torch.cat(units, dim=1))
        return kinds

    def forward(self, pools: Tensor) -> Tensor:
        return fake_logit(self.species_logits(pools))

    def values(self) -> Values:
        """Under the names of the graph, for pools as they are; the large one in half precision.

        The species' logits are relative to that of genuine faces; species that there are not are
        never found. The head takes what the species give.
        """
        weight = (self.inner.weight / self.spread).half()
        bias = self.inner.bias - weight.float() @ self.mean
        rows, biases, free = self.kinds.weight, self.kinds.bias, SPECIES - len(self.kinds.bias) + 1
        if (kept := self.kept) is not None:
            weight = torch.cat([weight, kept.weight.T.half()])
            bias = torch.cat([bias, kept.bias])
            new, old = rows.split([rows.shape[1] - len(kept.bias), len(kept.bias)], dim=1)
            rows, biases = (
                torch.cat([new, old / kept.spread], 1),
                biases - old @ (kept.mean / kept.spread),
            )
        parts = {
            "readout.weight": weight.T.contiguous(),
            "readout.bias": bias,
            "species.weight": pad((rows[1:] - rows[0]).T, (0, free)).contiguous(),
            "species.bias": pad(biases[1:] - biases[0], (0, free), value=NEVER),
            "head.weight": torch.eye(1, HIDDEN + 1).flip(1),
            "head.bias": torch.zeros(1),
        }
        return {name: part.detach().numpy() for name, part in parts.items()}


class Known(NamedTuple):
    """A readout to go on from: a model folder's values, and the number of each species there."""

    values: Values
    numbers: dict[str, int]


def numbered(seen: PoolRows, known: dict[str, int]) -> Tensor:
    """0 for genuine views, the number of the species for fakes. Raises ValueError for a new one."""
    if new := set(seen.species.tolist()) - set(known):
        raise ValueError(f"Species that the readout does not know: {', '.join(sorted(new))}.")
    each = np.array([known[name] for name in seen.species.tolist()])
    return torch.from_numpy(np.where(seen.fake > 0, each, 0))


def fit(
    seen: PoolRows,
    epochs: int,
    seed: int = 0,
    rate: float | None = None,
    *,
    start: Known | None = None,
    keep: Values | None = None,
) -> Readout:
    """Fitted to all views, from `start` on, or beside what `keep` has; `rate`, else RATE, falls to
    zero."""
    torch.manual_seed(seed)
    known = start.numbers if start else numbers(seen.species.tolist())
    kinds, pools = numbered(seen, known), torch.from_numpy(seen.pools)
    net = Readout(seen.pools, max(known.values()), keep)
    if start:
        net.begin_with(start.values)
    optimiser = torch.optim.AdamW(net.parameters(), rate or RATE, weight_decay=DECAY)
    order = torch.cat([torch.randperm(len(kinds)) for _ in range(epochs)]).split(SIZE)
    falling = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.0, len(order))
    for rows in order:
        loss = loss_of(net.species_logits(pools[rows]), kinds[rows])
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        falling.step()
    return net.eval()


def auc(values: Values, views: PoolRows) -> float:
    return float(roc_auc_score(views.fake, log_odds(values, views.pools)))


def of_model(folder: Path) -> Values:
    """What a model folder keeps of its readout."""
    with np.load(folder / read_manifest(folder)["tuned"]["file"]) as values:
        return {name: value for name, value in values.items() if name.startswith(READOUT)}


def write(values: Values, folder: Path) -> None:
    """Lays the readout's values beside the tower's; the calibration is that of another readout."""
    manifest = changed(folder)
    np.savez_compressed(folder / manifest["tuned"]["file"], **tuned_tower(folder), **values)
    write_manifest(folder, manifest)


def record(out: Path, tower: str | None, figures: dict[str, Any]) -> None:
    """Into OUT/run.json, for the card. `tower`: an earlier model's, trained with another split."""
    given = {"net": "clip", "start": tower, "groups": None, "steps_done": 0} if tower else {}
    for name, value in {**given, "readout": figures}.items():
        note(out, name, value)


def note(out: Path, name: str, value: object) -> None:
    """One entry of OUT/run.json, for the card."""
    file = out / "run.json"
    found = json.loads(file.read_text()) | {name: value}
    file.write_text(json.dumps(found, indent=2) + "\n")


def refit(
    out: Path,
    folder: Path,
    views: int,
    epochs: int,
    *,
    keep: Values | None = None,
    tower: str | None = None,
) -> dict[str, Any]:
    """Collect views, fit, lay the values into `folder`; returns what OUT/run.json got."""
    checked = load(collect(out, folder, "validation", CHECKED))
    seen = load(collect(out, folder, "train", views))
    values = fit(seen, epochs, keep=keep).values()
    known = numbers(seen.species.tolist())
    figures = {
        "views": len(seen.fake),
        "epochs": epochs,
        "species": len(known),
        "numbers": known,
        "validation_auc": auc(values, checked),
    }
    write(values, folder)
    record(out, tower, figures)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of training.fit.train")
    parser.add_argument("--model", type=Path, default=Path("service/models/clip"))
    parser.add_argument("--views", type=int, default=83_000, help="augmented training views")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--keep", action="store_true", help="the units that MODEL has")
    parser.add_argument("--tower", help="name of the model that it is of, unless OUT tuned it")
    args = parser.parse_args()
    keep = of_model(args.model) if args.keep else None
    views, epochs = args.views, args.epochs
    print(json.dumps(refit(args.out, args.model, views, epochs, keep=keep, tower=args.tower)))


if __name__ == "__main__":
    main()
