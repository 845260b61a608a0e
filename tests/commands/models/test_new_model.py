"""`facegate models new`: the files of docs/adding-a-detector.md, and they work as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands.conftest import Run
from tests.docs.test_adding_a_detector import FILES

PLACES = {
    "my-model onnx": "my-model/manifest.json",
    "mine class": "mine.py",
    "container container": "container.py",
}


@pytest.mark.parametrize("words", PLACES)
def test_it_writes_what_the_page_shows(words: str, facegate: Run, tmp_path: Path) -> None:
    said = facegate("models", "new", *words.split())
    assert said.returncode == 0
    assert (tmp_path / PLACES[words]).read_text() == FILES[PLACES[words]]
    assert "facegate models add" in said.stdout


def test_what_it_says_comes_next_works(
    facegate: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    said = facegate("models", "new", "lab-one", "class").stdout
    assert "class LabOne(FaceDetectorPlugin)" in (tmp_path / "lab_one.py").read_text()
    added = facegate(*said.partition("then: facegate ")[2].split())
    assert added.returncode == 0, added.stderr
    assert (tmp_path / "data" / "models" / "lab-one" / "manifest.json").exists()


def test_it_replaces_nothing(facegate: Run, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("mine")
    said = facegate("models", "new", "mine", "class")
    assert (said.returncode, (tmp_path / "mine.py").read_text()) == (3, "mine")
    assert "There is mine.py already." in said.stderr


@pytest.mark.parametrize("name", ["1st", "Mine", "../x", "class", "a b", ""])
def test_what_cannot_be_a_name(name: str, facegate: Run) -> None:
    said = facegate("models", "new", name, "class")
    assert said.returncode == 3
    assert "cannot be the name of a detector" in said.stderr
