"""A models folder with the real face detectors, and analyzers over it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from service.analysis.image import Analyzer
from service.settings import Settings
from tests.models import copy_face_detectors, make_detector

MakeAnalyzer = Callable[..., Analyzer]


@pytest.fixture(scope="session")
def red_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The face detectors and one tiny detector, `red`; not to be changed."""
    folder = tmp_path_factory.mktemp("models")
    copy_face_detectors(folder)
    make_detector(folder, "red")
    return folder


@pytest.fixture
def models_dir(tmp_path: Path) -> Path:
    """The face detectors alone; a test may change it."""
    copy_face_detectors(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def analyzer(red_models: Path) -> Analyzer:
    return Analyzer.load(Settings(models_dir=red_models))


@pytest.fixture(scope="session")
def make_analyzer(red_models: Path) -> MakeAnalyzer:
    """An analyzer with other settings."""
    return lambda **changes: Analyzer.load(Settings(models_dir=red_models, **changes))
