"""A shipped file, turned back into a network to train on: its answers stay what they are."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("efficientnet_lite_pytorch")

from training.export.export import TOLERANCE, Exported, export, load, write_onnx  # noqa: E402
from training.nets.model import FaceNet, fold, layers, plain  # noqa: E402
from training.nets.unfold_batchnorm import unfold_batchnorm  # noqa: E402


@pytest.fixture(scope="module")
def trained() -> FaceNet:
    """A network whose normalisations and species do something."""
    torch.manual_seed(0)
    net = FaceNet()
    for _, norm in layers(net):
        norm.weight.data.mul_(torch.rand_like(norm.weight) + 0.5)
        norm.bias.data.add_(0.1 * torch.randn_like(norm.bias))
    net.head.bias.data.add_(torch.randn_like(net.head.bias))
    return net.eval()


@pytest.fixture(scope="module")
def unfolded(trained: FaceNet, tmp_path_factory: pytest.TempPathFactory) -> FaceNet:
    file: Path = tmp_path_factory.mktemp("model") / "model.onnx"
    write_onnx(Exported(trained).eval(), file)
    return unfold_batchnorm(file)


def convolutions(net: FaceNet) -> list[torch.nn.Conv2d]:
    return [module for module in net.modules() if isinstance(module, torch.nn.Conv2d)]


def answers(net: FaceNet) -> np.ndarray:
    images = torch.randn(4, 3, 224, 224, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        return np.asarray(net(images).numpy())


def test_the_answers_stay(trained: FaceNet, unfolded: FaceNet) -> None:
    assert answers(unfolded.eval()) == pytest.approx(answers(trained.eval()), abs=1e-3)


def test_a_checkpoint_is_exported_as_what_it_was(trained: FaceNet, tmp_path: Path) -> None:
    write_onnx(Exported(trained).eval(), tmp_path / "model.onnx")
    torch.save(
        {"average": unfold_batchnorm(tmp_path / "model.onnx").state_dict()}, tmp_path / "start"
    )
    again = load(tmp_path / "start")
    assert answers(again) == pytest.approx(answers(trained), abs=1e-3)
    assert export(again, tmp_path / "again", "1.0.0") < TOLERANCE


def test_it_goes_on_learning(unfolded: FaceNet) -> None:
    """All that was trained before is trained again: weights, biases and the head."""
    answers_then, names = answers(unfolded.eval()), dict(unfolded.named_parameters())
    assert len(names) == 2 * len(convolutions(unfolded)) + 2
    unfolded(torch.randn(2, 3, 224, 224)).sum().backward()
    assert all(part.grad is not None and part.grad.any() for part in names.values())
    with torch.no_grad():
        for part in names.values():
            part.sub_(1e-4 * part.grad)
    assert (answers(unfolded.eval()) != answers_then).all()


def test_every_convolution_is_filled(unfolded: FaceNet) -> None:
    assert all(module.bias is not None for module in convolutions(unfolded))
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in unfolded.modules())


def test_integers_are_turned_back_too(trained: FaceNet, tmp_path: Path) -> None:
    from training.export.quantise import quantise

    file = tmp_path / "model.onnx"
    write_onnx(Exported(trained).eval(), file)
    rng = np.random.default_rng(0)
    pixels = (rng.uniform(-1, 1, (1, 3, 224, 224)).astype(np.float32) for _ in range(4))
    size = file.stat().st_size
    quantise(file, "image", pixels)
    assert file.stat().st_size < 0.4 * size
    wanted = convolutions(plain(fold(copy.deepcopy(trained))))
    for mine, theirs in zip(convolutions(plain(unfold_batchnorm(file))), wanted, strict=True):
        assert (mine.weight - theirs.weight).norm() < 0.05 * theirs.weight.norm()
        assert (mine.bias - theirs.bias).norm() < 0.05 * theirs.bias.norm()
