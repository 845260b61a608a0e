"""From recordings to a model folder that serves, by the commands that its documents name."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

pytest.importorskip("torch")

from service.analysis.detectors.voice import OnnxVoiceDetector
from tests.analysis.test_audio import recording
from tests.voices import RATE, copy_speech_detector, spoken
from training.voice import card, evaluate, export, train, views
from training.voice.copies import griffin_lim

COLUMNS = ("source", "repo", "path", "label", "system", "pair", "language")


def run(module: ModuleType, *arguments: object) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [module.__name__, *map(str, arguments)])
        module.main()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sources with some sentences each and a copy of every one."""
    root, voice, rng = tmp_path_factory.mktemp("voices"), spoken(8), np.random.default_rng(0)
    (root / "clips").mkdir()
    rows = []
    for number, start in enumerate(range(0, 6 * RATE, RATE // 4)):
        sound, source = voice[start : start + 2 * RATE], f"page{number % 2}"
        made = {"real": ("recording", sound), "fake": ("copysyn_x", griffin_lim(sound, rng))}
        for label, (system, heard) in made.items():
            path = f"{number}-{label}.wav"
            (root / "clips" / path).write_bytes(recording(heard))
            rows.append((source, "clips", path, label, system, str(number), "en"))
    for name, kept in (("list", rows), ("seen", [row for row in rows if row[0] == "page0"])):
        with (root / f"{name}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([COLUMNS, *kept])
    return root


def test_from_recordings_to_a_detector(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluate, "RATES", (0.05, 0.5))  # few recordings state no less
    monkeypatch.setattr(evaluate.metrics, "platt", lambda *_: (1.0, 0.0))  # little was learned
    made, model, det = tmp_path / "views", tmp_path / "models" / "mine", tmp_path / "det.png"
    given = ("--list", data / "list.csv", "--data", data)
    run(views, *given, "--out", made, "--copies", "griffin_lim", "disturbed_phase")
    about = json.loads((made / "views.json").read_text())
    assert {one["fake"] for one in about} == {True, False}
    assert len(np.load(made / "views.npy")) == len(about) >= 144

    nets = tmp_path / "a.pt", tmp_path / "b.pt"
    more = ("--views", made, "--hold-out", "page1", "--steps", 2)
    run(train, *more, "--out", nets[0])
    run(train, *more, "--out", nets[1], "--no-phase")
    run(train, *more, "--out", nets[1], "--no-phase", "--start", nets[1])
    run(export, "--checkpoint", nets[0], "--checkpoint", nets[1], "--out", model,
        "--weight", 1, "--weight", 2)  # fmt: skip

    copy_speech_detector(tmp_path / "models")
    measured = (*given, "--model", model, "--calibrate", "--seen", data / "seen.csv")
    run(evaluate, *measured, "--plot", det)
    run(card, "--model", model)
    found = json.loads((model / "metrics.json").read_text())
    assert found["pooled"]["genuine"] == found["pooled"]["synthetic"] == 24
    assert set(found["by_family"]) == {"vocoder copies"}
    assert found["by_language"]["en"]["genuine"] == 24
    assert found["seen"]["pooled"]["genuine"] == 12
    assert "vocoder copies" in (model / "card.md").read_text()
    assert det.stat().st_size > 1000
    detector = OnnxVoiceDetector(model, bpcer=0.5)
    assert 0 < detector.predict([spoken(2)])[0] < 1
