"""Detectors that fail are left out, and said to be; the others answer."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from service.analysis.detectors.base import Detector, Prediction
from service.analysis.detectors.ensemble import Ensemble
from service.analysis.face.blazeface import Face, FaceDetector
from service.analysis.face.crop import Portrait
from service.analysis.image import Analyzer
from service.errors import NoDetectorAnswered
from service.settings import Settings
from tests.images import genuine

FACE = Portrait(np.zeros((8, 8, 3), np.uint8), Face.__new__(Face))


class Made:
    """A detector that gives one probability, or fails."""

    version, threshold = "1", 0.5

    def __init__(self, name: str, says: Any, *, remote: bool = False) -> None:
        self.name = self.identity = name
        self.says, self.remote = says, remote

    def predict(self, portrait: Portrait, *, explain: bool = False) -> Prediction:
        said = self.says() if callable(self.says) else self.says
        if isinstance(said, Exception):
            raise said
        return Prediction(said, (0, 0, 8))

    def card(self) -> dict[str, object]:
        return {}


def analyzer(red_models: Path, *detectors: Detector) -> Analyzer:
    settings = Settings(models_dir=red_models, fusion="average")
    return Analyzer(settings, FaceDetector(red_models), detectors)


@pytest.mark.parametrize("broken", [RuntimeError("boom"), float("nan"), 1.5, -0.1, "x"])
def test_who_fails_is_left_out(red_models: Path, broken: Any) -> None:
    found = analyzer(red_models, Made("a", 0.9), Made("b", broken)).analyze(genuine())
    assert (found.left_out, found.probability) == (("b",), 0.9)
    assert [one.name for one in found.faces[0].detectors] == ["a"]


def test_the_threshold_is_that_of_who_answered(red_models: Path) -> None:
    strict = Made("b", ValueError())
    strict.threshold = 0.99  # type: ignore[misc]
    found = analyzer(red_models, Made("a", 0.6), strict).analyze(genuine())
    assert (found.threshold, found.decision) == (0.5, "deepfake")


def test_none_left_is_an_error(red_models: Path) -> None:
    with pytest.raises(NoDetectorAnswered):
        analyzer(red_models, Made("a", OSError()), Made("b", OSError())).analyze(genuine())


def test_a_judgement_without_some_is_not_taken_for_the_one_of_all(red_models: Path) -> None:
    flaky = Made("b", OSError())
    judges = analyzer(red_models, Made("a", 0.9), flaky)
    without = judges.analyze(genuine())
    flaky.says = 0.1
    whole = judges.analyze(genuine())
    assert without.fingerprint != whole.fingerprint == judges.fingerprint
    assert replace(whole, timings={}).left_out == ()


def test_those_elsewhere_are_asked_at_the_same_time() -> None:
    both = threading.Barrier(2, timeout=20)  # breaks, and so fails both, unless they meet

    def meet() -> float:
        both.wait()
        return 0.5

    ensemble = Ensemble(
        [Made("a", meet, remote=True), Made("b", meet, remote=True), Made("c", 0.1)]
    )
    predictions = ensemble.ask([FACE], explain=False)
    assert [one.name for one in predictions.answered] == ["a", "b", "c"]
    assert predictions.probabilities(0) == [0.5, 0.5, 0.1]


def test_the_log_names_the_detector_and_nothing_of_the_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    from service.runtime import logs

    logs.configure("info")
    ensemble = Ensemble([Made("a", 0.5), Made("b", RuntimeError("secret"))])
    ensemble.ask([FACE], explain=False)
    line = json.loads(capsys.readouterr().err.splitlines()[-1])
    assert (line["detector"], line["error"]) == ("b", "RuntimeError")
    assert "secret" not in str(line)
