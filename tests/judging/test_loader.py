"""The analyzer's life in a process."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from service.errors import Unavailable
from service.judging.loader import Engine
from service.settings import Settings


def wait(engine: Engine) -> str:
    end = time.monotonic() + 30
    while engine.state == "starting" and time.monotonic() < end:
        time.sleep(0.02)
    return engine.state


def test_before_the_start_there_is_no_analyzer() -> None:
    engine = Engine(Settings())
    assert engine.state == "starting"
    with pytest.raises(Unavailable):
        _ = engine.analyzer


def test_a_started_engine_comes_to_judge() -> None:
    engine = Engine(Settings())
    engine.start()
    assert wait(engine) == "ready"
    assert engine.analyzer.models


def test_starting_twice_loads_once() -> None:
    engine = Engine(Settings())
    engine.start()
    wait(engine)
    first = engine.analyzer
    engine.start()
    assert engine.analyzer is first


def test_without_models_it_fails_and_says_so(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    engine = Engine(Settings(models_dir=tmp_path))
    engine.start()
    assert wait(engine) == "failed"
    said = capfd.readouterr()
    assert "There is no detector in the models folder." in said.out + said.err
    with pytest.raises(Unavailable):
        _ = engine.analyzer


def test_a_child_starts_an_engine_of_its_own() -> None:
    engine = Engine(Settings())
    child = os.fork()
    if child == 0:
        engine.start()
        os._exit(0 if wait(engine) == "ready" else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert engine.state == "starting"
