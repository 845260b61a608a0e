"""Turns a detector's convolutions into int8: a file of a third, in half the time.

    python -m training.export.quantise --model service/models/lite0 --out OUT

OUT is the folder of `training.fit.train`: what the layers give of augmented views of its training
split sets their ranges. Species and head stay float32. CPUs without VNNI give the same answers,
provided that the session is told so (`service.repository.session.open_session`).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quant_pre_process,
    quantize_static,
)

from service.analysis.face.crop import normalise
from service.repository.session import open_session
from training.data.pools import pairs_of
from training.export.manifest import changed, write_manifest

LOOKED_AT, COMPARED = 256, 256  # views for the ranges, and other ones for the report
SEEDS = 10_000, 10_001  # of these views; far from those of the readout's


class CalibrationInputs(CalibrationDataReader):  # type: ignore[misc]
    """What ONNX Runtime asks for, one input after the other."""

    def __init__(self, name: str, pixels: Iterator[np.ndarray]) -> None:
        self._feeds = ({name: one} for one in pixels)

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self._feeds, None)


def quantise(file: Path, image: str, pixels: Iterator[np.ndarray]) -> None:
    """Quantise in place. `image`: the name of the input that takes each of `pixels`, 1x3xSxS."""
    with TemporaryDirectory() as folder:
        padded, beside = Path(folder) / "padded.onnx", Path(folder) / file.name
        quant_pre_process(file, padded, skip_symbolic_shape=True)  # paddings by the convolutions
        quantize_static(
            padded, beside, CalibrationInputs(image, pixels), QuantFormat.QDQ, per_channel=True,
            activation_type=QuantType.QUInt8,  # half of the time that signed ones take
            nodes_to_quantize=_of_the_network(onnx.load(padded).graph),
        )  # fmt: skip
        file.write_bytes(beside.read_bytes())


def _of_the_network(graph: onnx.GraphProto) -> list[str]:
    """Convolutions, their limits, and sums of two of them: not what is made of the species."""
    known = {value.name for value in graph.initializer}
    sums = [n for n in graph.node if n.op_type == "Add" and not known & set(n.input)]
    last = max(number for number, n in enumerate(graph.node) if n.op_type == "Conv")
    early = {n.name for n in graph.node[:last]}
    layers = [n.name for n in graph.node if n.op_type in {"Conv", "Clip"}]
    return layers + [n.name for n in sums if n.name in early]


def quantise_model(folder: Path, out: Path) -> dict[str, float]:
    """The file of a model folder, by the views of OUT; what that makes of its logits."""
    manifest = changed(folder)
    file, taken = folder / manifest["file"], manifest["input"]

    def pixels(seed: int, count: int) -> Iterator[np.ndarray]:
        some = islice(pairs_of(out, "train", seed), count // 2)
        return (normalise(v, taken["mean"], taken["std"]) for _, pair in some for v in pair)

    def logits() -> np.ndarray:
        session, views = open_session(file), pixels(SEEDS[1], COMPARED)
        return np.array([session.run(["logit"], {taken["name"]: v})[0].item() for v in views])

    before = logits()
    quantise(file, taken["name"], pixels(SEEDS[0], LOOKED_AT))
    write_manifest(folder, manifest)
    return differences(before, logits())


def differences(before: np.ndarray, after: np.ndarray) -> dict[str, float]:
    return {
        "correlation": round(float(np.corrcoef(before, after)[0, 1]), 4),
        "mean_difference": round(float(np.abs(before - after).mean()), 3),
        "spread": round(float(before.std()), 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, default=Path("service/models/lite0"))
    parser.add_argument("--out", type=Path, required=True, help="folder of training.fit.train")
    args = parser.parse_args()
    print(json.dumps(quantise_model(args.model, args.out)))


if __name__ == "__main__":
    main()
