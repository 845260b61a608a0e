"""From photographs of live faces and attacks to a model folder, judged by sources left out.

    python -m training.presentation.run --data DIR --genuine DIR --out DIR [--version 1.0.0]

`--data` holds labels.csv (`shard,name,label,source,species`; `attack` or `real`), `--genuine` one
with pictures of many other cameras. Kept in OUT/views.npz is what the network sees of every view;
the model folder is OUT/texture. It takes some ten minutes of one core.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

from service.analysis.face.crop import normalise
from service.fitting import metrics
from service.repository.session import open_session
from training.export.manifest import write_manifest
from training.export.quantise import quantise
from training.nets.model import MEAN, SIZE, STD
from training.presentation import left_out
from training.presentation.card import write_card
from training.presentation.head import Standard, Views, fit, moments, parts_of
from training.presentation.left_out import RATES, Judged
from training.presentation.network import WIDTHS, set_head, write_onnx
from training.presentation.views import MARGIN, View, photographs, views_of

RANGES = 128  # views that set the ranges of the int8 network
ORIGIN = (
    "EfficientNet-Lite0 (ImageNet weights, Apache-2.0), not tuned; a linear head over the means and"
    " spreads of four of its layers, fitted by training/presentation."
)
PARTS = parts_of(WIDTHS)


def every_view(data: Path, genuine: Path) -> Iterator[View]:
    for folder, presentation in ((data, True), (genuine, False)):
        for number, one in enumerate(photographs(folder, presentation=presentation)):
            yield from views_of(one, number, presentation=presentation)


def collect(data: Path, genuine: Path, out: Path) -> None:
    """OUT/views.npz, by an int8 network without a head, OUT/raw/model.onnx."""
    raw = out / "raw" / "model.onnx"
    raw.parent.mkdir(parents=True, exist_ok=True)
    views = every_view(data, genuine)
    first = list(islice(views, 20 * RANGES))
    np.save(out / "ranges.npy", np.stack([view.pixels for view in first[::20]]))
    write_onnx(raw)
    quantise(raw, "image", _pixels(out))
    session, found = open_session(raw), []
    for view in chain(first, views):
        taken = {"image": normalise(view.pixels, MEAN, STD)}
        features = session.run(["features"], taken)[0][0].astype(np.float16)
        found.append((features, view.of.source, view.kind, view.of.species, view.plain))
    names = ("features", "source", "kind", "species", "plain")
    columns = zip(names, zip(*found, strict=True), strict=True)
    np.savez(out / "views.npz", **{name: np.array(column) for name, column in columns})


def _pixels(out: Path) -> Iterator[np.ndarray]:
    return (normalise(view, MEAN, STD) for view in np.load(out / "ranges.npy"))


def judge(known: dict[str, np.ndarray]) -> tuple[Judged, Judged]:
    """By heads without their source: the photographs of sources with attacks, and the others."""
    views = _views(known)
    tested = known["plain"] & (known["kind"] != "simulated")
    logit = left_out.logits(views, views.where(tested), PARTS)
    kind, source, species = (known[name][tested] for name in ("kind", "source", "species"))
    judged = Judged(logit, kind == "attack", source, species)
    own = np.isin(source, np.unique(source[judged.attack]))
    return judged.where(own), judged.where(~own)


def _views(known: dict[str, np.ndarray]) -> Views:
    return Views(known["features"].astype(np.float32), known["source"], known["kind"])


def build(known: dict[str, np.ndarray], folder: Path, out: Path) -> None:
    """FOLDER/model.onnx with a head fitted to every source."""
    folder.mkdir(parents=True, exist_ok=True)
    views, file = _views(known), folder / "model.onnx"
    standard = Standard.of(views.features)
    found = moments(Views(standard(views.features), views.source, views.kind), PARTS)
    write_onnx(file, standard)
    quantise(file, "image", _pixels(out))
    weight = torch.from_numpy(fit(found, PARTS))[None]
    set_head(file, {"head.weight": weight, "head.bias": torch.zeros(1)})


def calibrated(judged: Judged) -> dict[str, Any]:
    """Scale and thresholds for a source that the head has not seen."""
    weight = judged.weight * metrics.balanced(judged.attack, np.where(judged.attack, "a", "l"))
    slope, intercept = metrics.platt(judged.logit, judged.attack.astype(float), weight)
    lines = {rate: left_out.threshold(judged, rate) for rate in RATES}
    shown = {rate: float(metrics.sigmoid(slope * line + intercept)) for rate, line in lines.items()}
    points = [{"bpcer": rate, "threshold": round(value, 5)} for rate, value in shown.items()]
    scale = {"slope": round(slope, 5), "intercept": round(intercept, 5)}
    return {"calibration": scale, "operating_points": points, "default_bpcer": 0.05}


def report(judged: Judged, others: Judged) -> dict[str, Any]:
    """metrics.json: all of it of sources left out."""
    line = left_out.threshold(judged, 0.05)
    names = enumerate(np.unique(others.source), 1)
    genuine = {f"pictures {number}": others.logit[others.source == name] for number, name in names}
    return {
        "auc": left_out.with_interval(judged, left_out.auc),
        "apcer_at_bpcer": {
            str(rate): left_out.with_interval(
                judged, lambda some, rate=rate: left_out.apcer(some, rate)
            )
            for rate in RATES
        },
        "by_source": left_out.by_source(judged, line),
        "by_species": left_out.by_species(judged, line),
        "bpcer_of_other_pictures": metrics.proportion(
            int((others.logit >= line).sum()), len(others.logit)
        ),
        "bpcer_by_other_source": {
            name: {"live": len(logit), "bpcer": float((logit >= line).mean())}
            for name, logit in genuine.items()
        },
    }


def ship(out: Path, version: str) -> Path:
    """The model folder, from OUT/views.npz."""
    with np.load(out / "views.npz") as file:
        known = {name: file[name] for name in file.files}
    folder = out / "texture"
    build(known, folder, out)
    judged, others = judge(known)
    fields = {
        "name": "texture", "version": version, "kind": "detector",
        "task": "presentation_attack", "modality": "image",
        "licence": "Apache-2.0", "origin": ORIGIN, "crop": {"margin": MARGIN},
        **calibrated(judged),
        "input": {"name": "image", "size": SIZE, "mean": MEAN, "std": STD},
        "output": {"logit": "logit", "features": "features"},
        "head": {"weight": "head.weight", "bias": "head.bias"},
        "fast": True, "known_logit": None,
    }  # fmt: skip
    write_manifest(folder, fields)
    write_manifest(folder, fields | {"known_logit": known_logit(folder)})
    figures = report(judged, others)
    (folder / "metrics.json").write_text(json.dumps(figures, indent=1) + "\n")
    write_card(folder, fields, figures)
    return folder


def known_logit(folder: Path) -> float:
    """What the service's self-test finds here."""
    from service.analysis.detectors.onnx import OnnxDetector

    return round(OnnxDetector(folder, bpcer=0.05).pattern_logit(), 4)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--genuine", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--version", default="1.0.0")
    args = parser.parse_args()
    if not (args.out / "views.npz").exists():
        collect(args.data, args.genuine, args.out)
    print(ship(args.out, args.version))


if __name__ == "__main__":
    main()
