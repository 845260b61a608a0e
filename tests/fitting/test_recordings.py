"""A folder of recordings is measured and calibrated like one of images."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from service.commands.fit.calibrate import calibrate, calibration_of
from service.commands.fit.evaluate import evaluate
from service.errors import StartupError
from service.fitting.contents import kind_in, note_left_out
from service.fitting.dataset import labelled, loaded, score
from service.settings import Settings
from tests import clips
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


def opus() -> bytes:
    return recording(spoken(), "webm", "libopus", 48000)


def test_a_video_without_pictures_is_a_recording(folder: Path, models: Path) -> None:
    """As what a browser's recorder makes of a voice, and as it is judged."""
    (folder / "real" / "d.webm").write_bytes(opus())
    assert kind_in(folder) == "audio"
    settings = Settings(models_dir=models)
    images = labelled(folder)
    scored = score(loaded(folder, settings), settings, images)
    assert [one.path.name for one in images] == ["a.wav", "b.wav", "d.webm", "c.wav"]
    assert scored.code.tolist() == ["", "NO_SPEECH", "", ""]


def test_a_folder_of_voices_from_browsers_alone(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.webm").write_bytes(opus())
    assert kind_in(tmp_path) == "audio"


def test_videos_come_before_recordings_and_damaged_ones_tell_nothing(folder: Path) -> None:
    (folder / "real" / "a.mp4").write_bytes(b"\0\0\0\x20ftypisom")
    assert kind_in(folder) == "audio"
    (folder / "real" / "b.mp4").write_bytes(clips.video(clips.faces(3)))
    assert kind_in(folder) == "video"
    assert [one.path.name for one in labelled(folder)] == ["a.mp4", "b.mp4"]


def test_damaged_videos_alone_are_videos(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"\0\0\0\x20ftypisom")
    assert kind_in(tmp_path) == "video"


def test_what_is_left_out_is_counted(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    note_left_out(folder)
    assert capsys.readouterr().err == ""
    (folder / "real" / "face.jpg").write_bytes(b"")
    (folder / "real" / "._face.jpg").write_bytes(b"")
    note_left_out(folder)
    said = "Files of another kind, left out: 3. This is a folder of images.\n"
    assert capsys.readouterr().err == said


def test_recordings_are_called_so(
    folder: Path, models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    del models
    evaluate(folder, "table", None)
    said = "".join(capsys.readouterr())
    assert "images" not in said
    assert "it takes 1,000 genuine recordings." in said
    with pytest.raises(StartupError, match="2 genuine recordings are too few"):
        calibrate(folder, 0.5, force=False)
    for name in ("real/a", "fake/tts/c"):
        (folder / f"{name}.wav").unlink()
    with pytest.raises(StartupError, match="None of these recordings could be judged") as refused:
        evaluate(folder, "table", None)
    assert refused.value.remedy == "`facegate detect` says why, recording by recording."


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
