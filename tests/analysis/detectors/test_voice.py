"""A voice detector is a folder: what it needs, what it says, and when it does not start."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from service.analysis.detectors.voice import OnnxVoiceDetector, pattern, repeated
from service.errors import StartupError
from service.repository.kinds import check_folder
from tests.voices import make_voice_detector, manifest

SOUND = np.zeros(32_000, np.float32)


def test_probability_is_calibrated(tmp_path: Path) -> None:
    folder = make_voice_detector(tmp_path, "v", 2.0, calibration={"slope": 0.5, "intercept": -1})
    detector = OnnxVoiceDetector(folder, bpcer=0.05)
    assert detector.predict([SOUND, SOUND]) == [pytest.approx(0.5)] * 2
    assert detector.card()["operating_point"] == {"bpcer": 0.05, "threshold": 0.5}


def test_a_short_window_is_repeated() -> None:
    assert list(repeated(np.array([1, 2, 3]), 7)) == [1, 2, 3, 1, 2, 3, 1]
    assert len(repeated(SOUND, 100)) == len(SOUND)


def test_the_self_test_sound_is_the_same_everywhere() -> None:
    sound = pattern(4)
    assert sound.dtype == np.float32
    assert float(np.abs(sound.astype(float)).sum()) == pytest.approx(4978.16, abs=0.01)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"sha256": "0" * 64}, "damaged"),
        ({"known_logit": 9.0}, "does not answer on this CPU"),
        ({"output": {"logit": "other"}}, "cannot be run"),
        ({"input": {"name": "sound"}}, "input.seconds"),
        ({"operating_points": []}, "operating_points"),
    ],
)
def test_unusable(tmp_path: Path, changes: dict[str, object], sentence: str) -> None:
    folder = make_voice_detector(tmp_path, "v", **changes)
    with pytest.raises(StartupError, match=sentence):
        OnnxVoiceDetector(folder, bpcer=0.05)


@pytest.mark.parametrize(("asked", "held"), [(0.01, 0.05), (0.05, 0.05), (0.3, 0.2)])
def test_the_nearest_threshold_stands(tmp_path: Path, asked: float, held: float) -> None:
    points = [{"bpcer": 0.05, "threshold": 0.7}, {"bpcer": 0.2, "threshold": 0.5}]
    folder = make_voice_detector(tmp_path, "v", operating_points=points)
    assert OnnxVoiceDetector(folder, bpcer=asked).bpcer == held


def test_doctor_reads_its_manifest_as_that_of_a_voice(tmp_path: Path) -> None:
    folder = make_voice_detector(tmp_path, "v")
    check_folder(folder, "detector", 0.05)
    broken = manifest(folder) | {"input": {"name": "sound", "seconds": 400, "shortest": 2}}
    (folder / "manifest.json").write_text(json.dumps(broken))
    with pytest.raises(StartupError, match=r"input\.seconds"):
        check_folder(folder, "detector", 0.05)
