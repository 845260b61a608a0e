"""The analyzer's life in a process."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from service.errors import Unavailable
from service.judging.loader import Loader
from service.settings import Settings


def wait(loader: Loader) -> str:
    end = time.monotonic() + 30
    while loader.state == "starting" and time.monotonic() < end:
        time.sleep(0.02)
    return loader.state


def test_before_the_start_there_is_no_analyzer() -> None:
    loader = Loader(Settings())
    assert loader.state == "starting"
    with pytest.raises(Unavailable):
        _ = loader.analyzer


def test_a_started_engine_comes_to_judge() -> None:
    loader = Loader(Settings())
    loader.start()
    assert wait(loader) == "ready"
    assert loader.analyzer.models


def test_starting_twice_loads_once() -> None:
    loader = Loader(Settings())
    loader.start()
    wait(loader)
    first = loader.analyzer
    loader.start()
    assert loader.analyzer is first


def test_without_models_it_fails_and_says_so(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    loader = Loader(Settings(models_dir=tmp_path))
    loader.start()
    assert wait(loader) == "failed"
    said = capfd.readouterr()
    assert "There is no detector in the models folder." in said.out + said.err
    with pytest.raises(Unavailable):
        _ = loader.analyzer


def test_a_child_starts_an_engine_of_its_own() -> None:
    loader = Loader(Settings())
    child = os.fork()
    if child == 0:
        loader.start()
        os._exit(0 if wait(loader) == "ready" else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert loader.state == "starting"
