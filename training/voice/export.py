"""Trained voice networks -> a model folder that the service loads, checked against torch.

    python -m training.voice.export --checkpoint FILE [--checkpoint FILE] --out service/models/NAME
                                    [--weight 1 --weight 2]

Neutral calibration; `training.voice.evaluate` measures it and writes it into the manifest.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import torch

from service.analysis.detectors.voice import pattern
from service.repository.session import open_session
from training.export.manifest import write_manifest
from training.voice.graph import voice_graph
from training.voice.nets import VoiceNet
from training.voice.views import LENGTH, RATE

TOLERANCE = 1e-3  # largest difference of a logit between torch and ONNX Runtime
WINDOW = 4.0  # seconds
ORIGIN = "A small residual network, trained from nothing by training/voice/."


def load(file: Path) -> VoiceNet:
    """The network of a checkpoint of `training.voice.train`."""
    kept = torch.load(file, weights_only=True)
    net = VoiceNet(phase=kept["phase"])
    net.load_state_dict(kept["net"])
    return net.eval()


@torch.no_grad()
def weigh(nets: Sequence[VoiceNet], weights: Sequence[float]) -> None:
    """Have the mean of their logits be a weighted one; the last layers take the weights up."""
    for net, weight in zip(nets, weights, strict=True):
        net.out.weight.mul_(weight * len(nets) / sum(weights))
        net.out.bias.mul_(weight * len(nets) / sum(weights))


def export(nets: Sequence[VoiceNet], folder: Path, version: str) -> float:
    """Write FOLDER/{model.onnx,manifest.json}; returns the largest difference from torch.

    Raises ValueError where ONNX Runtime does not give what torch gives.
    """
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(voice_graph(nets), folder / "model.onnx")
    difference, known = _parity(nets, folder / "model.onnx")
    if difference > TOLERANCE:
        raise ValueError(f"torch and ONNX Runtime differ by {difference:.2e}")
    write_manifest(folder, {
        "name": folder.name, "version": version, "kind": "detector",
        "task": "voice_spoof", "modality": "audio", "licence": "Apache-2.0", "origin": ORIGIN,
        "input": {"name": "sound", "seconds": WINDOW, "shortest": LENGTH / RATE},
        "output": {"logit": "logit"},
        "calibration": {"slope": 1.0, "intercept": 0.0},
        "operating_points": [{"bpcer": 0.05, "threshold": 0.5}],
        "default_bpcer": 0.05, "fast": True, "known_logit": round(known, 4),
    })  # fmt: skip
    return difference


def _parity(nets: Sequence[VoiceNet], file: Path) -> tuple[float, float]:
    """The largest difference over sounds of several lengths, and the logit of the pattern."""
    session, worst, logit = open_session(file), 0.0, 0.0
    for seconds in (2.0, 3.1, WINDOW):
        sound = pattern(seconds)[None]
        logit = float(session.run(["logit"], {"sound": sound})[0].reshape(()))
        worst = max(worst, abs(logit - torch_logit(nets, sound)))
    return worst, logit


def torch_logit(nets: Sequence[VoiceNet], sound: np.ndarray) -> float:
    """The mean logit of 1xN sound."""
    with torch.inference_mode():
        taken = torch.from_numpy(sound)
        return float(np.mean([float(net(net.front(taken))) for net in nets]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkpoint", type=Path, action="append", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--weight", type=float, action="append", help="of each; all alike without")
    parser.add_argument("--version", default="1.0.0")
    args = parser.parse_args()
    nets = [load(file) for file in args.checkpoint]
    weigh(nets, args.weight or [1.0] * len(nets))
    print(f"largest difference from torch: {export(nets, args.out, args.version):.1e}")


if __name__ == "__main__":
    main()
