"""Leaving one source of attacks out, on a few random crops and a tiny network."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("efficientnet_lite_pytorch")

from training.data.dataset import STORED  # noqa: E402
from training.experiments import leave_one_source_out  # noqa: E402
from training.nets import nets  # noqa: E402

COUNT = 40


class Redness(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.head = torch.nn.Linear(3, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.head(image.mean(dim=(2, 3)))[:, 0]


@pytest.fixture
def out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two sources, each half fake; the first ten of every source are for the test."""
    rng, number = np.random.default_rng(0), np.arange(2 * COUNT)
    source, fake = np.repeat(["a", "b"], COUNT), number % 2 == 1
    np.save(
        tmp_path / "crops.npy", rng.integers(0, 255, (len(number), STORED, STORED, 3), np.uint8)
    )
    keypoints = np.tile([[90, 100], [140, 100], [115, 130], [115, 160], [70, 110], [160, 110]],
                        (len(number), 1, 1)).astype(np.float32)  # fmt: skip
    group = np.array([f"{s}/{n // 2}" for s, n in zip(source, number, strict=True)])
    np.savez(tmp_path / "index.npz", name=number.astype(str), fake=fake, source=source, group=group,
             found=np.ones(len(number), bool), keypoints=keypoints)  # fmt: skip
    np.save(tmp_path / "split.npy", np.where(number % COUNT < 10, "test", "train"))
    monkeypatch.setitem(nets.RECIPES, "tiny", nets.Recipe(Redness, 1e-3, 0.0, [0.5] * 3, [0.5] * 3))
    return tmp_path


def test_crops_are_shared_with_the_run_beside(out: Path) -> None:
    folder = leave_one_source_out.beside(out, "a")
    assert folder == leave_one_source_out.beside(out, "a")
    assert (folder / "crops.npy").samefile(out / "crops.npy")
    assert not (folder / "split.npy").exists()


def test_sources_with_attacks_in_training(out: Path) -> None:
    assert leave_one_source_out.attack_sources(out) == ["a", "b"]
    np.save(out / "split.npy", np.repeat(["test", "train"], COUNT))
    assert leave_one_source_out.attack_sources(out) == ["b"]


def test_auc_of_a_source_against_all_genuine_test_images(out: Path) -> None:
    state = nets_state()
    state.save(out / "best.pt")
    found = leave_one_source_out.auc_of(out / "best.pt", out, "tiny", "a")
    assert 0 <= found["low"] <= found["value"] <= found["high"] <= 1


def nets_state() -> leave_one_source_out.State:
    return leave_one_source_out.new_state(nets.RECIPES["tiny"])


def test_each_source_is_left_out_once(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def train(data: Path, folder: Path, steps: int, minutes: float, options: dict) -> Path:
        seen.append((folder.name, options["hold_out"]))
        (folder / "split.npy").write_bytes((out / "split.npy").read_bytes())
        nets_state().save(folder / "best.pt")
        return folder / "best.pt"

    monkeypatch.setattr(leave_one_source_out, "train", train)
    nets_state().save(out / "best.pt")
    parser = argparse.ArgumentParser()
    leave_one_source_out.add_arguments(parser)
    args = parser.parse_args(["--data", str(out), "--out", str(out), "--hold-out", "c"])
    args.net = "tiny"
    found = leave_one_source_out.transfer(args)
    assert seen == [("without-a", ["a", "c"]), ("without-b", ["b", "c"])]
    assert set(found) == {"a", "b"}
    assert found["a"]["left_out"]["value"] is not None


def test_a_training_may_begin_where_another_ended(out: Path) -> None:
    from training.fit.train import begin

    first, second = nets_state(), nets_state()
    first.save(out / "first.pt")
    begin(second, [], out / "first.pt")
    for name, value in first.average.state_dict().items():
        assert torch.equal(second.average.state_dict()[name], value)
        assert torch.equal(second.net.state_dict()[name], value)
