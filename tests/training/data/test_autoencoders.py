"""Small autoencoders: each make learns, and its copies keep colours, fill and frame."""

from __future__ import annotations

from itertools import repeat
from pathlib import Path

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from service.analysis.face.crop import FILL  # noqa: E402
from training.data import autoencoders as ours  # noqa: E402
from training.data.dataset import STORED, all_copies  # noqa: E402


def faces(count: int) -> np.ndarray:
    """Coloured blobs, with fill on the left."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (count, 24, 24, 3), np.uint8)
    found = np.stack([cv2.resize(one, (STORED, STORED)) for one in noise])
    found[:, :, :30] = FILL
    return found


@pytest.fixture
def out(tmp_path: Path) -> Path:
    count = 6
    np.save(tmp_path / "crops.npy", faces(count))
    names = np.arange(count).astype(str)
    np.savez(tmp_path / "index.npz", name=names, group=names, source=np.full(count, "s"),
             fake=np.zeros(count, bool), found=np.ones(count, bool),
             keypoints=np.zeros((count, 6, 2), np.float32))  # fmt: skip
    np.save(tmp_path / "split.npy", np.array(["train"] * 4 + ["validation", "test"]))
    return tmp_path


@pytest.mark.parametrize("make", ours.MAKES, ids=str)
def test_each_make_learns_to_give_back_what_it_sees(make: ours.Make) -> None:
    patches = next(ours.patches_of(faces(6), np.arange(6), 0))[:2, :, :32, :32]
    fresh, taught = (ours.learned(make, repeat(patches), 0, steps) for steps in (1, 20))
    with torch.inference_mode():
        first, last = (float((net(patches) - patches).square().mean()) for net in (fresh, taught))
    assert last < first / 2


def test_a_copy_differs_in_detail_and_not_in_shade() -> None:
    net, crop = ours.autoencoder(ours.MAKES[0]).eval(), faces(1)[0]
    copy = ours.through(net, crop, np.random.default_rng(0))
    assert copy.shape == crop.shape
    inner = np.s_[60:-60, 90:-60]
    coarse = [cv2.GaussianBlur(one.astype(np.float32), (0, 0), 8)[inner] for one in (copy, crop)]
    assert np.abs(coarse[0] - coarse[1]).mean() < 6
    assert (copy[inner] != crop[inner]).mean() > 0.5
    assert (copy[:, :30] == FILL).all()


def test_copies_are_of_training_and_validation_faces_and_are_made_once(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ours, "MAKES", ours.MAKES[:2])
    ours.make(out, 6, steps=2)
    _, rows, copies = all_copies(out)["recoding"]
    assert sorted(rows) == [0, 1, 2, 3, 4]
    assert all((copies[n] != np.load(out / "crops.npy")[row]).any() for n, row in enumerate(rows))
    first = np.array(copies)
    monkeypatch.setattr(ours, "learned", lambda *_: pytest.fail("trained again"))
    monkeypatch.setattr(ours, "through", lambda *_: pytest.fail("made again"))
    ours.make(out, 6, steps=2)
    assert np.array_equal(all_copies(out)["recoding"].faces, first)
