"""A detector that is somebody's class: it may hang or fail, and costs nothing but its own voice."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from service.analysis.detectors.plugin import PythonDetector
from service.analysis.face.blazeface import Face
from service.analysis.face.crop import Portrait
from service.analysis.image import Analyzer
from service.runtime.limits.breaker import DetectorAway
from service.runtime.limits.deadline import run_with_deadline
from service.sdk import FaceDetectorPlugin
from service.settings import Settings
from tests.images import genuine
from tests.models import copy_face_detectors, make_detector

IMAGE = np.full((200, 200, 3), 100, np.uint8)
FACE = Face.__new__(Face)
for field, value in {"x": 50.0, "y": 50.0, "width": 80.0, "height": 80.0, "score": 1.0}.items():
    object.__setattr__(FACE, field, value)


class Moody(FaceDetectorPlugin):
    """Answers when it is tried; hangs on a face of 100s until `go` is set, fails on one of 7s."""

    size = 8
    go = threading.Event()

    def predict(self, face: np.ndarray) -> float:
        if face.max() == 100:
            self.go.wait(60)
        if face.max() == 7:
            raise ZeroDivisionError
        face[:] = 0
        return 0.25


def made(folder: Path, **more: Any) -> PythonDetector:
    write(folder / "moody", **more)
    return PythonDetector(folder / "moody")


def write(folder: Path, **more: Any) -> None:
    folder.mkdir(parents=True)
    reference = {"object": "tests.analysis.detectors.test_plugin:Moody"}
    manifest = {"name": "moody", "version": "1", "kind": "python", **reference}
    (folder / "manifest.json").write_text(json.dumps(manifest | more))


def test_it_answers(tmp_path: Path) -> None:
    assert made(tmp_path).predict(Portrait(IMAGE // 2, FACE)).probability == 0.25


def test_one_that_hangs_is_not_waited_for_and_then_left_alone(tmp_path: Path) -> None:
    Moody.go.clear()
    moody = made(tmp_path, timeout=0.1, failures=2, rest=60)
    for expected in (TimeoutError, TimeoutError, DetectorAway):
        with pytest.raises(expected):
            moody.predict(Portrait(IMAGE, FACE))
    Moody.go.set()


def test_what_it_raises_comes_out_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        made(tmp_path).predict(Portrait(np.full_like(IMAGE, 7), FACE))


def test_what_it_writes_on_its_crop_is_not_seen_by_others(tmp_path: Path) -> None:
    portrait, moody = Portrait(IMAGE // 2, FACE), made(tmp_path)
    moody.predict(portrait)
    assert (portrait.crop(Moody.margin, Moody.size) == 50).all()


def test_the_others_answer_meanwhile(tmp_path: Path) -> None:
    """The whole road: an image whose face makes it hang is judged by the other detector."""
    models = tmp_path / "models"
    models.mkdir()
    copy_face_detectors(models)
    make_detector(models, "a")
    more = {"name": "slow", "object": "tests.analysis.detectors.test_plugin:Sleepy", "timeout": 0.1}
    write(tmp_path / "data" / "models" / "slow", **more)
    settings = Settings(models_dir=models, data_dir=tmp_path / "data", fusion="average")
    found = Analyzer.load(settings).analyze(genuine())
    Sleepy.go.set()
    assert (found.left_out, [one.name for one in found.faces[0].detectors]) == (("slow",), ["a"])


class Sleepy(FaceDetectorPlugin):
    """Answers the grey square that it is tried with, and hangs on every real face."""

    size = 32
    go = threading.Event()

    def predict(self, face: np.ndarray) -> float:
        if face.std() > 0:
            self.go.wait(60)
        return 0.5


def test_within_gives_what_comes_in_time() -> None:
    assert run_with_deadline(30, lambda: 7, "seven") == 7
    with pytest.raises(KeyError):
        run_with_deadline(30, dict[str, int]().popitem, "nothing")
