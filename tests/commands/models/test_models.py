"""`facegate models list`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.commands.conftest import Run


@pytest.fixture
def folder(models: dict[str, Path], tmp_path: Path) -> Path:
    """A models folder that a test may damage."""
    return Path(shutil.copytree(models["bona_fide"], tmp_path / "models"))


def test_the_installed_models_are_sound(facegate: Run) -> None:
    ran = facegate("models", "list", "--format", "json")
    assert ran.returncode == 0
    kinds = [model["kind"] for model in json.loads(ran.stdout)]
    assert {"detector", "face_detector"} <= set(kinds)


def test_a_table(facegate: Run, folder: Path) -> None:
    ran = facegate("models", "list", models_dir=folder)
    lines = ran.stdout.splitlines()
    assert len(lines) == 1 + 3
    (steady,) = (line for line in lines if line.startswith("steady"))
    assert steady.split()[1:3] == ["1.0.0", "detector"]
    assert "ok" in steady.split()
    assert "0.900 at 1.00%, 0.600 at 5.00%, 0.400 at 10.00%" in steady


@pytest.mark.parametrize("name", ["steady", "blazeface-full"])
def test_a_damaged_model_is_told_from_the_sound_ones(
    facegate: Run, folder: Path, name: str
) -> None:
    with (folder / name / "model.onnx").open("ab") as file:
        file.write(b"x")
    ran = facegate("models", "list", "--format", "json", models_dir=folder)
    assert ran.returncode == 1
    damaged = {model["name"]: model["damage"] for model in json.loads(ran.stdout)}
    assert "checksum differs" in damaged.pop(name)
    assert set(damaged.values()) == {None}


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"kind": "detector"}'])
def test_a_broken_manifest_is_told(facegate: Run, folder: Path, content: str) -> None:
    (folder / "steady" / "manifest.json").write_text(content)
    ran = facegate("models", "list", models_dir=folder)
    assert ran.returncode == 1
    assert "steady" in ran.stdout


def test_no_model_at_all(facegate: Run, tmp_path: Path) -> None:
    ran = facegate("models", "list", models_dir=tmp_path)
    assert ran.returncode == 3
    assert "There is no model in" in ran.stderr
