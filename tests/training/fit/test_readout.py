"""What reads the tower's layers: fitted, laid beside the tower, and the same in the graph."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("efficientnet_lite_pytorch")

from training.data import pools  # noqa: E402
from training.data.pools import PoolRows  # noqa: E402
from training.data.species import SPECIES  # noqa: E402
from training.fit import readout  # noqa: E402

WIDTH = 40


@pytest.fixture(scope="module", autouse=True)
def narrow() -> Iterator[None]:
    """The pools here come in parts of eight values."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(readout, "WIDTH", 8)
        yield


@pytest.fixture(scope="module")
def views() -> PoolRows:
    """Pools on very different scales, of which two say together what is fake, neither alone; the
    first of them says, too, of which species."""
    rng = np.random.default_rng(0)
    known = rng.normal(0, 1, (4000, WIDTH))
    fake = (known[:, 0] > 0) != (known[:, 1] > 0)
    species = np.where(known[:, 0] > 0, "one", "other")
    scale = np.geomspace(0.01, 100, WIDTH)
    pools = (known * scale + 3 * scale).astype(np.float16)
    return PoolRows(pools, fake.astype(np.float32), species, np.full(4000, "s"))


def some(views: PoolRows, start: int, stop: int) -> PoolRows:
    return PoolRows(*(part[start:stop] for part in views))


@pytest.fixture(scope="module")
def net(views: PoolRows) -> readout.Readout:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(readout, "SIZE", 64)
        return readout.fit(some(views, 0, 3000), epochs=20, rate=1e-2)


def test_it_learns_what_no_linear_head_can(net: readout.Readout, views: PoolRows) -> None:
    others = some(views, 3000, 4000)
    assert readout.auc(net.values(), others) > 0.9


def test_it_tells_the_species_apart(net: readout.Readout, views: PoolRows) -> None:
    others = some(views, 3000, 4000)
    with torch.inference_mode():
        kinds = net.species_logits(torch.from_numpy(others.pools)).numpy()
    fakes = others.fake == 1
    found = np.array(["one", "other"])[kinds[fakes, 1:].argmax(axis=1)]
    assert (found == others.species[fakes]).mean() > 0.9


def test_genuine_views_are_no_species(views: PoolRows) -> None:
    few = some(views, 0, 50)
    numbers = readout.numbered(few, {"one": 1, "other": 2}).numpy()
    assert ((numbers == 0) == (few.fake == 0)).all()
    assert set(few.species[numbers == 1]) == {"one"}


def test_more_species_than_there_is_room_for_are_refused(views: PoolRows) -> None:
    few = some(views, 0, 50)
    many = few._replace(species=np.arange(50).astype(str))
    with pytest.raises(ValueError, match="50 species"):
        readout.fit(many, 1)


@pytest.mark.parametrize(("views", "told"), [(50, 50), (3000, 3000), (44_000, 2000)])
def test_few_views_tell_all_how_kept_units_spread(views: int, told: int) -> None:
    """Of some fifty, a unit that seldom fires seemed never to fire."""
    assert len(readout.thinned(np.zeros((views, 1)))) == told


def test_a_part_is_left_out_as_a_whole_and_only_in_training(views: PoolRows) -> None:
    known = torch.from_numpy(views.pools[:200])
    net = readout.Readout(views.pools, 2)
    seen: list[torch.Tensor] = []
    net.drop.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    net.train()(known)
    net.eval()(known)
    parts = (seen[0].unflatten(1, (-1, 8)) == 0).float().mean(dim=2)
    assert set(parts.unique().tolist()) == {0.0, 1.0}
    assert parts.mean().item() == pytest.approx(readout.LEFT_OUT, abs=0.06)
    assert not (seen[2] == 0).all(dim=0).any()


def test_the_same_seed_gives_the_same_readout(views: PoolRows) -> None:
    one, other = (readout.fit(some(views, 0, 500), epochs=1) for _ in range(2))
    assert all(np.array_equal(one.values()[name], v) for name, v in other.values().items())


def test_its_values_are_for_pools_as_they_are(net: readout.Readout, views: PoolRows) -> None:
    known, values = views.pools[:50].astype(np.float32), net.values()
    hidden = np.maximum(known @ values["readout.weight"] + values["readout.bias"], 0)
    species = hidden @ values["species.weight"] + values["species.bias"]
    assert (species.shape[1], (species[:, 2:] < -1000).all()) == (SPECIES, True)
    features = np.c_[hidden, np.log(np.exp(species).sum(axis=1))]
    ours = (features @ values["head.weight"].T + values["head.bias"])[:, 0]
    with torch.inference_mode():
        theirs = net(torch.from_numpy(known)).numpy()
    assert ours == pytest.approx(theirs, abs=0.02 * float(np.ptp(theirs)))


def test_another_readout_takes_the_place_of_the_one_before(
    net: readout.Readout, tmp_path: Path
) -> None:
    (tmp_path / "tower.onnx").write_bytes(b"a graph")
    tower = {"before.bias": np.ones(3, np.float32)}
    np.savez(tmp_path / "tuned.npz", **tower, **{"readout.old": np.ones(2), "species.old": 1})
    manifest = {"kind": "detector", "file": "tower.onnx", "tuned": {"file": "tuned.npz"}}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    before = pools._name(tmp_path)
    readout.write(net.values(), tmp_path)
    with np.load(tmp_path / "tuned.npz") as kept:
        assert set(kept) == {"before.bias", *net.values()}
        assert kept["readout.weight"].dtype == np.float16
    assert pools.tuned_tower(tmp_path).keys() == tower.keys()
    assert pools._name(tmp_path) == before
    assert len(json.loads((tmp_path / "manifest.json").read_text())["tuned"]["sha256"]) == 64


def test_the_run_tells_of_it(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text('{"net": "clip", "seed": 1}')
    readout.record(tmp_path, None, {"views": 9})
    run = {"net": "clip", "seed": 1, "readout": {"views": 9}}
    assert json.loads((tmp_path / "run.json").read_text()) == run
    readout.record(tmp_path, "clip 1.0.1", {"views": 9})
    assert json.loads((tmp_path / "run.json").read_text()) == {
        **run, "start": "clip 1.0.1", "groups": None, "steps_done": 0,
    }  # fmt: skip


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Eight genuine crops, of noise, the last two for validation."""
    n, rng = 8, np.random.default_rng(0)
    np.save(tmp_path / "crops.npy", rng.integers(0, 256, (n, 288, 288, 3), np.uint8))
    keypoints = np.tile([[120, 125], [170, 125], [145, 150], [145, 180], [95, 135], [195, 135]],
                        (n, 1, 1)).astype(np.float32)  # fmt: skip
    names = np.arange(n).astype(str)
    np.savez(tmp_path / "index.npz", name=names, group=names, source=np.full(n, "s"),
             fake=np.zeros(n, bool), found=np.ones(n, bool), keypoints=keypoints)  # fmt: skip
    np.save(tmp_path / "split.npy", np.array(["train"] * 6 + ["validation"] * 2))
    return tmp_path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model whose pools are the mean colours, times what was tuned."""
    import onnx
    from onnx import TensorProto, helper

    def value(name: str, *shape: int) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    nodes = [
        helper.make_node("ReduceMean", ["image"], ["mean"], axes=[2, 3], keepdims=0),
        helper.make_node("Mul", ["mean", "gain"], ["pools"]),
        helper.make_node("Mul", ["pools", "readout.weight"], ["logit"]),
    ]
    inputs = [value("image", 1, 3, 224, 224), value("gain", 1), value("readout.weight", 3)]
    outputs = [value("pools", 1, 3), value("logit", 1, 3)]
    graph = helper.make_graph(nodes, "pools", inputs, outputs)
    sets = [helper.make_opsetid("", 17)]
    place = tmp_path / "model"
    place.mkdir()
    onnx.save(helper.make_model(graph, opset_imports=sets, ir_version=8), place / "tower.onnx")
    np.savez(place / "tuned.npz", gain=np.array([2.0], np.float32))
    fields = {"kind": "detector", "file": "tower.onnx", "tuned": {"file": "tuned.npz"},
              "input": {"name": "image", "mean": [0.5] * 3, "std": [0.5] * 3}}  # fmt: skip
    (place / "manifest.json").write_text(json.dumps(fields))
    return place


def test_views_are_read_by_the_tower_that_serves(folder: Path) -> None:
    grey = np.full((224, 224, 3), 255, np.uint8)
    assert pools.reader(folder)(grey) == pytest.approx([2, 2, 2], abs=1e-3)


def test_views_are_collected_once_and_are_the_same_again(
    out: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = pools.collect(out, folder, "train", 33, size=32)
    seen, fake, species, source = pools.load(files)
    assert (len(files), seen.shape, fake.mean()) == (2, (64, 3), 0.5)
    assert set(species) == {"self_blend", "swap"}
    assert source.tolist() == ["s"] * 64
    assert np.array_equal(species[::2], species[1::2])
    assert not np.array_equal(*np.split(seen, 2))
    files[0].unlink()
    before = files[1].stat().st_mtime_ns
    again = pools.load(pools.collect(out, folder, "train", 64, size=32))
    assert np.array_equal(again.pools, seen)
    assert files[1].stat().st_mtime_ns == before


def test_another_tower_collects_its_own(out: Path, folder: Path) -> None:
    one = pools._name(folder)
    np.savez(folder / "tuned.npz", gain=np.array([3.0], np.float32))
    assert pools._name(folder) != one


def test_kept_units_stay_as_they_are_beside_new_ones(views: PoolRows) -> None:
    """In the values for the graph, too."""
    rng = np.random.default_rng(3)
    old = {
        "readout.weight": rng.normal(0, 0.01, (WIDTH, 5)).astype(np.float16),
        "readout.bias": rng.normal(0, 1, 5).astype(np.float32),
    }
    net = readout.fit(some(views, 0, 1000), epochs=1, keep=old)
    values = net.values()
    assert values["readout.weight"].shape == (WIDTH, readout.HIDDEN)
    assert np.array_equal(values["readout.weight"][:, -5:], old["readout.weight"])
    given = readout.log_odds(values, views.pools[1000:1100])
    wanted = net(torch.from_numpy(views.pools[1000:1100])).detach().numpy()
    assert np.allclose(given, wanted, atol=0.02)
