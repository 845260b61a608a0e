"""A trained checkpoint -> model.onnx with manifest, checked against torch.

    python -m training.export.export --checkpoint FILE --out service/models/lite0

Neutral calibration; `training.report.evaluate` measures it and writes it into the manifest.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import torch
from onnx import numpy_helper

from training.export.manifest import write_manifest
from training.nets.model import FEATURES, MEAN, SIZE, STD, Exported, FaceNet, fold, plain

MARGIN = 1.3
OPSET = 17
OUTPUTS = ["logit", "cam", "features"]
HEAD = {"weight": "head.weight", "bias": "head.bias"}  # logit = features * weight + bias
TOLERANCE = 1e-3  # largest difference of a logit between torch and ONNX Runtime
ORIGIN = "EfficientNet-Lite0 (ImageNet weights, Apache-2.0), fine-tuned by training/ on face crops."


def export(net: FaceNet, folder: Path, version: str, origin: str = ORIGIN) -> float:
    """Write folder/model.onnx and manifest.json; returns the largest difference from torch.

    Raises ValueError where ONNX Runtime does not give what torch gives.
    """
    folder.mkdir(parents=True, exist_ok=True)
    module = Exported(net).eval()
    write_onnx(module, folder / "model.onnx")
    fields = {
        **neutral_fields(folder.name, version, origin),
        "input": {"name": "image", "size": SIZE, "mean": MEAN, "std": STD},
        "output": {"logit": "logit", "cam": "cam", "features": "features"},
        "head": HEAD,
        "fast": True,
        "mirrored": True,
    }
    write_manifest(folder, fields)
    difference = parity(module, folder / "model.onnx")
    if difference > TOLERANCE:
        raise ValueError(f"torch and ONNX Runtime differ by {difference:.2e}")
    return difference


def write_onnx(module: Exported, file: Path) -> None:
    """Fixed shapes; batch normalisation is folded into the convolutions by the exporter.

    The values of species and head are defaults of inputs, so that others can take their place.
    """
    values = module.values()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter that folds is the older one, and says so
        torch.onnx.export(
            module, (torch.zeros(1, 3, SIZE, SIZE), *values.values()), str(file),
            input_names=["image", *values], output_names=OUTPUTS, opset_version=OPSET, dynamo=False,
        )  # fmt: skip
    model = onnx.load(file)
    defaults = (numpy_helper.from_array(part.numpy(), name) for name, part in values.items())
    model.graph.initializer.extend(defaults)
    onnx.save(model, file)
    onnx.checker.check_model(model, full_check=True)


def neutral_fields(name: str, version: str, origin: str) -> dict[str, Any]:
    """What the manifest of a detector that is not yet calibrated says, whatever its network."""
    return {
        "name": name, "version": version, "kind": "detector",
        "licence": "Apache-2.0", "origin": origin,
        "crop": {"margin": MARGIN},
        "calibration": {"slope": 1.0, "intercept": 0.0},
        "operating_points": [{"bpcer": 0.05, "threshold": 0.5}],
        "default_bpcer": 0.05,
    }  # fmt: skip


def parity(module: Exported, file: Path, rounds: int = 8) -> float:
    """Largest absolute difference of all outputs over random images."""
    session = ort.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    worst, generator = 0.0, torch.Generator().manual_seed(0)
    for _ in range(rounds):
        image = torch.rand(1, 3, SIZE, SIZE, generator=generator) * 2 - 1
        with torch.inference_mode():
            theirs = [output.numpy() for output in module(image, *module.values().values())]
        ours = session.run(OUTPUTS, {"image": image.numpy()})
        differences = [np.abs(a - b).max() for a, b in zip(ours, theirs, strict=True)]
        worst = max(worst, *map(float, differences))
    return worst


def load(checkpoint: Path) -> FaceNet:
    """The averaged weights of a checkpoint of `training.fit.train`."""
    net = FaceNet(pretrained=False)
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)["average"]
    if any("parametrizations" in name for name in state):
        fold(net)
    net.head = torch.nn.Linear(FEATURES, len(state["head.bias"]))
    net.load_state_dict(state)
    return plain(net).eval()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("service/models/lite0"))
    parser.add_argument("--version", default="1.0.0")
    args = parser.parse_args()
    print(f"largest difference: {export(load(args.checkpoint), args.out, args.version):.2e}")


if __name__ == "__main__":
    main()
