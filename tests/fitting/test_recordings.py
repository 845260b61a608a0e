"""A folder of recordings is measured and calibrated like one of images."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from service.commands.fit.calibrate import calibration_of
from service.commands.fit.evaluate import evaluate
from service.errors import StartupError
from service.fitting.dataset import kind_in, labelled, loaded
from service.settings import Settings
from tests.analysis.test_audio import recording
from tests.voices import RATE, copy_speech_detector, make_voice_detector, spoken


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two genuine recordings, one of them silent, and an attack."""
    silent = np.zeros(2 * RATE, np.float32)
    for name, sound in (("real/a", spoken()), ("real/b", silent), ("fake/tts/c", spoken(4))):
        file = tmp_path / "set" / f"{name}.wav"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(recording(sound))
    return tmp_path / "set"


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "models"
    root.mkdir()
    copy_speech_detector(root)
    make_voice_detector(root, "v", 1.0)
    monkeypatch.setenv("FACEGATE_MODELS_DIR", str(root))
    monkeypatch.setenv("FACEGATE_DATA_DIR", str(tmp_path / "data"))
    return root


def test_evaluate(folder: Path, models: Path, tmp_path: Path) -> None:
    del models
    evaluate(folder, "json", tmp_path / "report.json")
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["models"] == ["v 1.0.0", "silero-vad 6.2.3"]
    assert report["images"]["genuine"] == 2
    assert report["images"]["genuine_judged"] == 1
    assert report["images"]["attacks"] == 1
    assert "NO_SPEECH" in json.dumps(report["non_response"])


def test_images_come_first(folder: Path) -> None:
    assert kind_in(folder) == "audio"
    assert len(labelled(folder)) == 3
    (folder / "real" / "face.jpg").write_bytes(b"")
    assert kind_in(folder) == "image"
    assert [one.path.name for one in labelled(folder)] == ["face.jpg"]


def test_a_calibration_of_their_own(folder: Path, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    assert calibration_of(folder, settings) == tmp_path / "data" / "voice" / "calibration.json"
    assert calibration_of(tmp_path / "models", settings) == tmp_path / "data" / "calibration.json"


def test_voices_are_not_judged(folder: Path, models: Path) -> None:
    with pytest.raises(StartupError, match="No voice detector is in force"):
        loaded(folder, Settings(models_dir=models, voice="off"))
