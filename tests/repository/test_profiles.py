"""Which detectors of deepfakes a profile runs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from service.repository.manifest import load_manifest
from service.repository.registry import detector_folders, drawing_folders
from service.settings import PACKAGE, Settings

LITE = PACKAGE / "models" / "lite0"


def names(**changes: object) -> list[str]:
    return [one.name for one in detector_folders(Settings(**changes))]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"profile": "accurate"}, ["clip"]),
        ({"profile": "fast"}, ["lite0"]),
        ({"detectors": ("clip", "lite0")}, ["clip", "lite0"]),
        ({"profile": "accurate", "detectors": ("lite0",)}, ["lite0"]),
    ],
)
def test_each_profile_runs_what_adds_something(
    changes: dict[str, object], expected: list[str]
) -> None:
    assert names(**changes) == expected


def test_an_added_detector_runs_beside_the_accurate_one(tmp_path: Path) -> None:
    added = shutil.copytree(LITE, tmp_path / "models" / "own")
    fields = json.loads((added / "manifest.json").read_text())
    del fields["accurate"], fields["fast"]
    (added / "manifest.json").write_text(json.dumps(fields | {"name": "own"}))
    assert names(data_dir=tmp_path, profile="accurate") == ["clip", "own"]
    assert names(data_dir=tmp_path, profile="fast") == ["lite0"]


def test_where_all_say_no_they_run_nonetheless(tmp_path: Path) -> None:
    """A detector that is left is better than none."""
    shutil.copytree(LITE, tmp_path / "lite0")
    assert names(models_dir=tmp_path, profile="accurate") == ["lite0"]


def test_the_profile_of_a_detector_changes_no_answer(tmp_path: Path) -> None:
    """An operator's calibration still fits."""
    other = shutil.copytree(LITE, tmp_path / "lite0")
    fields = json.loads((other / "manifest.json").read_text())
    del fields["accurate"]
    (other / "manifest.json").write_text(json.dumps(fields))
    assert load_manifest(other).identity == load_manifest(LITE).identity


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"profile": "accurate"}, ["lite0"]),
        ({"profile": "fast"}, []),
        ({"detectors": ("clip",)}, []),
        ({"detectors": ("clip", "lite0")}, []),
    ],
)
def test_one_without_a_say_draws_the_heat_map(
    changes: dict[str, object], expected: list[str]
) -> None:
    found = drawing_folders(Settings(**changes))  # type: ignore[arg-type]
    assert [one.name for one in found] == expected
