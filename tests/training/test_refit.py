"""The steps of `training.refit` on views of sixteen values; only photographs are not judged."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("efficientnet_lite_pytorch")

from training import refit  # noqa: E402
from training.data.dataset import Index  # noqa: E402
from training.data.pools import PoolRows  # noqa: E402
from training.fit import discriminant, new_sources, readout  # noqa: E402
from training.refit import Recipe  # noqa: E402

WIDTH, PAIRS = 16, 600
OLD = {
    "readout.weight": np.full((WIDTH, 5), 0.1, np.float16),
    "readout.bias": np.zeros(5, np.float32),
}


def views(count: int, seed: int) -> PoolRows:
    """Genuine faces of six sources, and fakes of two species, each with a mark of its own."""
    rng = np.random.default_rng(seed)
    pools = rng.normal(0, 1, (2 * count, WIDTH)).astype(np.float16)
    species = rng.choice(["painted", "swap"], count).repeat(2)
    fake = np.tile(np.float32([0, 1]), count)
    pools[np.arange(2 * count), np.where(species == "swap", 3, 9)] += (3 * fake).astype(np.float16)
    return PoolRows(pools, fake, species, rng.choice(list("abcdef"), count).repeat(2))


def index() -> Index:
    names = np.array(list("abcdef"))
    nothing, sound = np.zeros((6, 6, 2)), np.ones(6, bool)
    return Index(names, ~sound, names, names, sound, nothing, names)


@pytest.fixture
def start(tmp_path: Path) -> Path:
    """A model with five units, and calibrated."""
    folder = tmp_path / "start" / "clip"
    folder.mkdir(parents=True)
    (folder / "tower.onnx").write_bytes(b"a graph")
    np.savez(folder / "tuned.npz", **OLD, gain=np.ones(1, np.float32))
    fields = {"name": "clip", "version": "2.0.0", "origin": "Somewhere.", "kind": "detector",
              "file": "tower.onnx", "tuned": {"file": "tuned.npz"}, "known_logit": 1.0}  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(fields))
    return folder


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Views come at once; the photographs' part is only told in which order it was asked for."""
    told: list[str] = []

    def evaluate(data: Path, out: Path, folder: Path) -> dict[str, float]:
        run = json.loads((out / "run.json").read_text())
        told.append(f"evaluate {sorted(run.keys() & {'readout', 'discriminant', 'new_sources'})}")
        return {"auc": 0.9}

    for module in (readout, discriminant, new_sources):
        monkeypatch.setattr(module, "collect", lambda out, folder, part, count: part)
        monkeypatch.setattr(module, "load", lambda part: views(PAIRS, len(part)))
    monkeypatch.setattr(readout, "WIDTH", 8)
    monkeypatch.setattr(readout, "SIZE", 64)
    monkeypatch.setattr(discriminant, "WIDTH", 8)
    monkeypatch.setattr(new_sources, "load_index", lambda out: index())
    monkeypatch.setattr(refit, "splits", lambda *_: (index(), None, np.full(6, "train")))
    monkeypatch.setattr(refit, "evaluate", evaluate)
    monkeypatch.setattr(refit, "write_card", lambda folder, figures: told.append("card"))
    return told


def run(out: Path, start: Path, recipe: Recipe) -> Path:
    out.mkdir(exist_ok=True)
    args = Namespace(cluster=[], hold_out=[], seed=0, groups=None, version="3.0.0")
    folder = refit.begun(out, out, start, args)
    refit.refit(out, out, start, folder, recipe)
    return folder


def test_every_step_is_taken_before_the_figures(
    tmp_path: Path, start: Path, steps: list[str]
) -> None:
    before = (start / "tuned.npz").read_bytes()
    folder = run(tmp_path / "out", start, Recipe(1200, 4, False, ("painted",)))
    assert steps == ["evaluate ['discriminant', 'new_sources', 'readout']", "card"]
    known = json.loads((tmp_path / "out" / "run.json").read_text())
    assert (known["start"], known["readout"]["species"]) == ("clip 2.0.0", 2)
    assert known["readout"]["validation_auc"] > 0.6  # better than chance
    assert known["new_sources"]["margin"] >= 0
    assert json.loads((folder / "metrics.json").read_text()) == {"auc": 0.9}
    manifest = json.loads((folder / "manifest.json").read_text())
    assert (manifest["version"], "known_logit" in manifest) == ("3.0.0", False)
    assert manifest["origin"] == "Somewhere. Its readout was fitted again by training.refit."
    assert (start / "tuned.npz").read_bytes() == before


def test_the_units_of_the_start_are_kept_and_a_second_run_gives_the_same(
    tmp_path: Path, start: Path, steps: list[str]
) -> None:
    """The units are those of START, not those that the first run wrote."""
    recipe = Recipe(1200, 2, True, ())
    folder = run(tmp_path / "out", start, recipe)
    with np.load(folder / "tuned.npz") as first:
        values = dict(first)
    assert np.array_equal(values["readout.weight"][:, -5:], OLD["readout.weight"])
    assert values["gain"] == 1
    run(tmp_path / "out", start, recipe)
    with np.load(folder / "tuned.npz") as second:
        assert all(np.array_equal(values[name], second[name]) for name in values)
    assert "discriminant" not in json.loads((tmp_path / "out" / "run.json").read_text())


def test_who_reads_the_pools_is_told_of_the_new_version(
    tmp_path: Path, start: Path, steps: list[str]
) -> None:
    for name, reads in (("pad", {"reads": {"name": "clip", "version": "2.0.0"}}), ("other", {})):
        (start.parent / name).mkdir()
        (start.parent / name / "m.onnx").write_bytes(b"a graph")
        fields = {"name": name, "kind": "detector", "file": "m.onnx", **reads}
        (start.parent / name / "manifest.json").write_text(json.dumps(fields))
    folder = run(tmp_path / "out", start, Recipe(1200, 1, False, ()))
    refit.with_readers(start, folder)
    assert sorted(one.name for one in folder.parent.iterdir()) == ["clip", "pad"]
    manifest = json.loads((folder.parent / "pad" / "manifest.json").read_text())
    assert manifest["reads"] == {"name": "clip", "version": "3.0.0"}
    assert (folder.parent / "pad" / "m.onnx").read_bytes() == b"a graph"
