"""One command makes the model folders, and the service takes them."""

from __future__ import annotations

import csv
import io
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from service.analysis.image import Analyzer
from service.settings import PACKAGE, Settings
from tests.images import genuine

torch = pytest.importorskip("torch")

CLIP = PACKAGE / "models" / "clip"
SOURCES, PER_KIND = ("a", "b", "c"), 4


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """A face before three cameras of different colours, and screens that show it."""
    from training.presentation import attacks, camera

    folder, rows = tmp_path / "photographs", []
    folder.mkdir()
    rng, face = np.random.default_rng(0), Image.open(io.BytesIO(genuine())).resize((320, 320))
    for number, source in enumerate((*SOURCES, "others")):
        for label in ("real", "attack") if source in SOURCES else ("real",):
            for index in range(PER_KIND):
                tint = 0.8 + 0.05 * number + rng.uniform(0, 0.05)
                pixels = np.clip(np.asarray(face) * tint, 0, 255).astype(np.uint8)
                if label == "attack":
                    shown = attacks.replayed(camera.as_image(pixels), rng)
                    pixels = camera.as_pixels(shown)
                name = f"{source}-{label}-{index}.png"
                Image.fromarray(pixels).save(folder / name)
                rows.append(("", name, label, source, "replay" if label == "attack" else ""))
    with (folder / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("shard", "name", "label", "source", "species"), *rows])
    return folder


@pytest.mark.slow
def test_from_photographs_to_models_that_the_service_takes(
    photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from training.presentation import run

    out, models = tmp_path / "out", tmp_path / "models"
    given = {"data": photographs, "genuine": photographs, "clip": CLIP, "out": out}
    arguments = [text for name, path in given.items() for text in (f"--{name}", str(path))]
    monkeypatch.setattr(sys, "argv", ["run", *arguments])
    run.main()
    shutil.copytree(PACKAGE / "models", models)
    for name in ("texture", "clip-pad", "presentation"):
        shutil.rmtree(models / name)
        shutil.copytree(out / name, models / name)
    card = Analyzer.load(Settings(models_dir=models, profile="accurate")).model_card()
    (task,) = card["tasks"].values()  # type: ignore[attr-defined]
    assert [one["name"] for one in task["detectors"]] == ["clip-pad", "texture"]
    assert task["fusion"]["manifest"]["name"] == "presentation"
    figures = json.loads((out / "presentation" / "metrics.json").read_text())
    assert sum(one["attacks"] for one in figures["by_source"].values()) == len(SOURCES) * PER_KIND
    assert "# presentation" in (out / "presentation" / "card.md").read_text()
