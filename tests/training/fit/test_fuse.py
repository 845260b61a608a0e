"""The fusion's weights, its share of the data, and what its manifest says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from training.export.manifest import write_manifest
from training.report.card.document import _begun
from training.report.card.method import method, read_by
from training.report.measure.scoring import Scores

GROUPS = np.repeat([f"s/{n}" for n in range(150)], 2)


def test_half_of_the_calibration_groups_fit_the_weights() -> None:
    fuse = pytest.importorskip("training.fit.fuse")
    fits = fuse.fitting_half(GROUPS)
    assert (fits[::2] == fits[1::2]).all()
    assert 0.35 < fits.mean() < 0.65
    assert (fuse.fitting_half(GROUPS) == fits).all()


def test_the_better_detector_gets_the_larger_weight() -> None:
    fuse = pytest.importorskip("training.fit.fuse")
    rng = np.random.default_rng(0)
    fake = rng.random(2000) < 0.5
    values = np.stack([fake * 2 + rng.normal(0, 1, 2000), rng.normal(0, 1, 2000)], axis=1)
    (good, useless), _ = fuse.fit(values, fake, np.ones(2000))
    assert good > 1.5
    assert abs(useless) < 0.2


def test_a_detector_that_holds_under_compression_gets_its_share() -> None:
    """`clear` is the better one of plain photographs, and knows nothing of sent ones."""
    fuse = pytest.importorskip("training.fit.fuse")
    rng = np.random.default_rng(0)
    fake, group = rng.random(2000) < 0.5, np.array([f"s/{n}" for n in range(2000)])
    part = Scores(fake * 1.0, np.ones(2000), fake, np.full(2000, "s"), group)
    steady = np.stack([fake + rng.normal(0, 1, 2000) for _ in range(2)])
    clear = np.stack([fake * 3 + rng.normal(0, 1, 2000), rng.normal(0, 1, 2000)])
    names = ("calibration", "calibration_sent")
    values = {n: np.stack([clear[k], steady[k]], axis=1) for k, n in enumerate(names)}
    both = fuse.fit(*fuse._examples(dict.fromkeys(names, part), values))[0]
    plain = fuse.fit(values["calibration"], fake, np.ones(2000))[0]
    assert both[1] / both[0] > 1.2 * plain[1] / plain[0]


def test_the_fusions_own_calibration_goes_into_its_weights(tmp_path: Path) -> None:
    evaluate = pytest.importorskip("training.report.evaluate")
    manifest = {
        "kind": "fusion",
        "inputs": [{"name": "a", "version": "1", "weight": 2.0}],
        "intercept": 1.0,
    }
    evaluate.update_manifest(tmp_path, manifest, 0.5, -3.0, [])
    written = json.loads((tmp_path / "manifest.json").read_text())
    assert (written["inputs"][0]["weight"], written["intercept"]) == (1.0, -2.5)
    assert "sha256" not in written


def test_every_named_file_gets_its_checksum(tmp_path: Path) -> None:
    for name in ("model.onnx", "tower.onnx", "base.onnx", "tuned.npz"):
        (tmp_path / name).write_bytes(name.encode())
    write_manifest(tmp_path, {"kind": "detector"})
    plain = json.loads((tmp_path / "manifest.json").read_text())
    beside = {"base": {"file": "base.onnx"}, "tuned": {"file": "tuned.npz"}}
    write_manifest(tmp_path, {"kind": "detector", "file": "tower.onnx", **beside})
    several = json.loads((tmp_path / "manifest.json").read_text())
    assert plain["file"] == "model.onnx"
    parts = (plain, several, several["base"], several["tuned"])
    assert len({part["sha256"] for part in parts}) == 4


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    """Two detectors, measured with one split; the first began with other weights."""
    for name, start in ("small", "small-1.0.0"), ("large", None):
        (tmp_path / name).mkdir()
        figures = {
            "model": {"name": name, "version": "2.0.0"},
            "data": {"test": {"a fake": 9}},
            "run": {"hold_out": ["stylegan2"], "start": start, "steps_done": 7},
        }
        (tmp_path / name / "metrics.json").write_text(json.dumps(figures))
    return [tmp_path / "small", tmp_path / "large"]


def test_the_card_of_a_fusion_names_what_it_fuses(folders: list[Path]) -> None:
    fuse = pytest.importorskip("training.fit.fuse")
    run = fuse.run_of(folders, {"test": {"a fake": 9}})
    assert (run["hold_out"], run["start"]) == (["stylegan2"], "small-1.0.0")
    assert "too good" not in _begun(run)
    told = method({"run": run, "calibration": {"prior": "equal"}})
    assert "small 2.0.0 and large 2.0.0" in told
    assert "Fine-tuned" not in told


def test_detectors_of_another_split_are_named(folders: list[Path]) -> None:
    fuse = pytest.importorskip("training.fit.fuse")
    run = fuse.run_of(folders, {"test": {"a fake": 10}})
    told = _begun(run)
    assert "small 2.0.0, large 2.0.0, small-1.0.0, had been trained" in told
    assert "may be too good" in told


def test_the_card_tells_how_the_layers_are_read() -> None:
    run = {"start": "clip 1.0.1", "steps_done": 0, "versions": {"torch": "2"},
           "readout": {"views": 40_000, "epochs": 8, "species": 10,
                       "validation_auc": 0.91}}  # fmt: skip
    known = {"slope": 1.0, "intercept": 0.0, "prior": "equal"}
    told = method({"run": run, "calibration": known})
    assert "The tower is that of clip 1.0.1." in told
    assert "40,000 such views" in told
    assert "tell 10 species of fakes apart" in told
    assert "Fine-tuned" not in told


def test_the_card_tells_what_was_carried_over() -> None:
    found = {"views": 40_000, "epochs": 8, "validation_auc": 0.91}
    told = read_by({"readout": {**found, "carried_from": "clip 1.5.0", "carried_views": 18_432}})
    assert "done for the tower of clip 1.5.0" in told
    assert "18,432 views" in told
    assert "carried" not in read_by({"readout": found})
