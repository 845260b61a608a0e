"""Heads of an operator's own: how they are kept, and what is said of damaged ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from service.errors import StartupError
from service.repository.heads import find_heads, open_heads, remove_heads, write_heads
from service.repository.manifest import load_manifest
from service.settings import Settings
from tests.head_records import own_head
from tests.headed import FEATURES, HEAD, make_headed

IDENTITY = "0" * 64
ONES = np.ones((1, FEATURES), np.float32)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(models_dir=tmp_path / "models", data_dir=tmp_path / "data")


@pytest.fixture
def grid(settings: Settings) -> Path:
    return make_headed(settings.models_dir)


def files(settings: Settings) -> list[str]:
    return sorted(path.name for path in (settings.data_dir / "heads").iterdir())


def test_a_head_comes_back_as_it_was(settings: Settings, grid: Path) -> None:
    made = own_head(grid, 2 * ONES, 0.5)
    write_heads(settings, IDENTITY, [made])
    found, manifest = open_heads(settings)["grid"], load_manifest(grid)
    assert found.record == made.record
    assert found.fits(manifest)
    values = found.values(manifest)
    assert values[HEAD["weight"]].tolist() == (2 * ONES).tolist()
    assert values[HEAD["bias"]].tolist() == [0.5]


def test_none_is_none(settings: Settings) -> None:
    assert find_heads(settings) is None
    assert open_heads(settings) == {}


def test_new_heads_take_the_place_of_all_others(settings: Settings, grid: Path) -> None:
    other = make_headed(settings.models_dir, "other")
    write_heads(settings, IDENTITY, [own_head(grid, ONES), own_head(other, ONES)])
    made = own_head(other, 3 * ONES)
    write_heads(settings, IDENTITY, [made])
    assert list(open_heads(settings)) == ["other"]
    assert files(settings) == sorted(["heads.json", made.record.file])


def test_until_the_record_is_replaced_the_old_heads_are_whole(
    settings: Settings, grid: Path
) -> None:
    """As after a crash in between: the new archive is there, the record is the old one."""
    write_heads(settings, IDENTITY, [own_head(grid, ONES)])
    record = (settings.data_dir / "heads" / "heads.json").read_text()
    before = {name: (settings.data_dir / "heads" / name).read_bytes() for name in files(settings)}
    write_heads(settings, IDENTITY, [own_head(grid, 2 * ONES)])
    for name, content in before.items():
        (settings.data_dir / "heads" / name).write_bytes(content)
    (settings.data_dir / "heads" / "heads.json").write_text(record)
    values = open_heads(settings)["grid"].values(load_manifest(grid))
    assert values[HEAD["weight"]].tolist() == ONES.tolist()


def test_gone_is_gone(settings: Settings, grid: Path) -> None:
    write_heads(settings, IDENTITY, [own_head(grid, ONES)])
    assert remove_heads(settings)
    assert files(settings) == []
    assert not remove_heads(settings)


@pytest.mark.parametrize(
    "changes",
    [{"version": "1.0.1"}, {"crop": {"margin": 1.5}}, {"head": HEAD | {"bias": "b"}}],
)
def test_it_fits_no_other_model(settings: Settings, grid: Path, changes: dict[str, Any]) -> None:
    head = own_head(grid, ONES)
    other = make_headed(settings.models_dir / "newer", **changes)
    assert not head.fits(load_manifest(other))


def test_it_fits_where_only_thresholds_differ(settings: Settings, grid: Path) -> None:
    points = [{"bpcer": 0.05, "threshold": 0.123}]
    same = make_headed(settings.models_dir / "newer", operating_points=points)
    assert own_head(grid, ONES).fits(load_manifest(same))


def test_its_points_take_the_place_of_the_manifests(grid: Path) -> None:
    manifest = own_head(grid, ONES).over(load_manifest(grid))
    assert manifest.threshold(0.05) == 0.7
    with pytest.raises(StartupError, match="has no threshold for a BPCER"):
        manifest.threshold(0.01)


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"kind": "heads", "heads": []}'])
def test_a_damaged_record_is_refused(settings: Settings, content: str) -> None:
    (settings.data_dir / "heads").mkdir(parents=True)
    (settings.data_dir / "heads" / "heads.json").write_text(content)
    with pytest.raises(StartupError, match="is not one that `facegate train` wrote"):
        find_heads(settings)


def test_a_damaged_archive_is_refused(settings: Settings, grid: Path) -> None:
    head = own_head(grid, ONES)
    folder = write_heads(settings, IDENTITY, [head])
    (folder / head.record.file).write_bytes(b"x")
    with pytest.raises(StartupError, match="of the model grid is damaged"):
        open_heads(settings)
    (folder / head.record.file).unlink()
    with pytest.raises(StartupError, match="of the model grid cannot be read"):
        open_heads(settings)


def test_no_path_leads_out_of_the_folder(settings: Settings, grid: Path) -> None:
    folder = write_heads(settings, IDENTITY, [own_head(grid, ONES)])
    found = json.loads((folder / "heads.json").read_text())
    found["heads"][0]["file"] = "../calibration.json"
    (folder / "heads.json").write_text(json.dumps(found))
    with pytest.raises(StartupError, match="is not one that"):
        open_heads(settings)


@pytest.mark.parametrize("name", ["two words", "../up", "ä"])
def test_any_name_of_a_model_makes_a_file(settings: Settings, grid: Path, name: str) -> None:
    fields = json.loads((grid / "manifest.json").read_text()) | {"name": name}
    (grid / "manifest.json").write_text(json.dumps(fields))
    write_heads(settings, IDENTITY, [own_head(grid, ONES)])
    assert list(open_heads(settings)) == [name]
