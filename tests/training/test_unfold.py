"""A shipped file, turned back into a network to train on: its answers stay what they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("efficientnet_lite_pytorch")

from training.augment import augment  # noqa: E402
from training.export import Exported, write_onnx  # noqa: E402
from training.model import FaceNet  # noqa: E402
from training.nets import RECIPES  # noqa: E402
from training.unfold import layers, unfold  # noqa: E402

CROPS = np.random.default_rng(0).integers(0, 256, (6, 288, 288, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def trained() -> FaceNet:
    """A network whose normalisations do something."""
    torch.manual_seed(0)
    net = FaceNet()
    for _, norm in layers(net):
        norm.weight.data.mul_(torch.rand_like(norm.weight) + 0.5)
        norm.bias.data.add_(0.1 * torch.randn_like(norm.bias))
    return net.eval()


@pytest.fixture(scope="module")
def unfolded(trained: FaceNet, tmp_path_factory: pytest.TempPathFactory) -> FaceNet:
    file: Path = tmp_path_factory.mktemp("model") / "model.onnx"
    write_onnx(Exported(trained).eval(), file)
    return unfold(file, CROPS)


def answers(net: FaceNet) -> np.ndarray:
    images = torch.randn(4, 3, 224, 224, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        return np.asarray(net(images).numpy())


def test_the_answers_stay(trained: FaceNet, unfolded: FaceNet) -> None:
    assert answers(unfolded.eval()) == pytest.approx(answers(trained.eval()), abs=1e-3)


def test_training_on_these_crops_begins_in_balance(unfolded: FaceNet) -> None:
    """Their own statistics, which a training step takes, are the ones that were restored."""
    views = np.stack([augment(crop, seed) for seed, crop in enumerate(CROPS)])
    images = RECIPES["lite0"].tensor(torch.from_numpy(views))
    with torch.inference_mode():
        known = unfolded.eval()(images)
        unfolded.train().dropout.eval()
        unfolded.backbone.eval()
        for _, norm in layers(unfolded):
            norm.train().momentum = 0.0
        fresh = unfolded(images)
    assert fresh.tolist() == pytest.approx(known.tolist(), abs=0.05)


def test_every_convolution_is_filled(unfolded: FaceNet) -> None:
    convolutions = sum(isinstance(module, torch.nn.Conv2d) for module in unfolded.modules())
    assert len(layers(unfolded)) == convolutions
