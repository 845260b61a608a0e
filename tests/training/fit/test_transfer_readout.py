"""The command that carries a readout over: what it compares, and what it leaves for the card."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("efficientnet_lite_pytorch")

from training.data.pools import PoolRows
from training.fit import transfer_readout

COUNT, WIDTH, HIDDEN = 1200, 30, 6


@pytest.fixture(scope="module")
def values() -> dict[str, np.ndarray]:
    """A readout whose first unit finds what its first value tells."""
    weight = np.eye(WIDTH, HIDDEN, dtype=np.float16)
    kinds = np.float32([[4], *[[0]] * (HIDDEN - 1)])
    names = ("readout.weight", "readout.bias", "species.weight", "species.bias")
    return dict(zip(names, (weight, np.zeros(HIDDEN), kinds, np.zeros(1)), strict=True))


def views(pools: np.ndarray, fake: np.ndarray) -> PoolRows:
    return PoolRows(pools.astype(np.float16), fake, np.full(COUNT, "one"), np.full(COUNT, "s"))


@pytest.fixture(scope="module")
def both() -> tuple[PoolRows, PoolRows]:
    """At the second tower the first value is turned into the last, and noise is in its place."""
    rng, fake = np.random.default_rng(0), np.tile(np.float32([0, 1]), COUNT // 2)
    theirs = rng.normal(0, 1, (COUNT, WIDTH))
    theirs[:, 0] += 3 * fake
    ours = theirs.copy()
    ours[:, -1], ours[:, 0] = theirs[:, 0], rng.normal(0, 1, COUNT)
    return views(theirs, fake), views(ours, fake)


def cut(read: PoolRows, start: int, stop: int) -> PoolRows:
    return PoolRows(*(part[start:stop] for part in read))


def test_what_is_carried_over_finds_again_what_the_other_tower_moved(
    values: dict[str, np.ndarray],
    both: tuple[PoolRows, PoolRows],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    like, model, out = (tmp_path / name for name in ("like", "model", "out"))
    folders(like, model, out, values)
    parts = {"train": (0, 1000), "validation": (1000, COUNT)}
    monkeypatch.setattr(transfer_readout, "collect", lambda _, folder, part, count: (folder, part))
    monkeypatch.setattr(
        transfer_readout, "load", lambda at: cut(both[at[0] == model], *parts[at[1]])
    )
    given = ("transfer_readout", "--out", out, "--like", like, "--model", model)
    monkeypatch.setattr("sys.argv", [str(part) for part in given])
    transfer_readout.main()
    found = json.loads(capsys.readouterr().out)
    assert found["auc_there"] > 0.95
    assert found["auc_unchanged"] < 0.6
    assert found["validation_auc"] == pytest.approx(found["auc_there"], abs=0.02)
    assert found["lost"] < 0.1 * found["lost_unchanged"]
    was, told = {"views": 9, "epochs": 3}, {"carried_from": "clip 1.0.0", "carried_views": 1000}
    assert json.loads((out / "run.json").read_text())["readout"] == was | told | found
    with np.load(model / "tuned.npz") as kept:
        assert set(kept) == {"before.bias", *values}
        assert abs(kept["readout.weight"][-1, 0]) > 0.8


def folders(like: Path, model: Path, out: Path, values: dict[str, np.ndarray]) -> None:
    """A model with a readout, one without, and the folder of a training."""
    manifest = {"kind": "detector", "file": "tower.onnx", "tuned": {"file": "tuned.npz"}}
    for folder, readout in ((like, values), (model, {})):
        folder.mkdir()
        (folder / "tower.onnx").write_bytes(b"a graph")
        np.savez(folder / "tuned.npz", **{"before.bias": np.ones(3)}, **readout)
        (folder / "manifest.json").write_text(json.dumps(manifest))
    run = {"readout": {"views": 9, "epochs": 3}}
    figures = {"model": {"name": "clip", "version": "1.0.0"}, "run": run}
    (like / "metrics.json").write_text(json.dumps(figures))
    out.mkdir()
    (out / "run.json").write_text("{}")
