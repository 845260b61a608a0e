"""Copies out of a latent autoencoder: shapes, the choice of rows, going on after a break."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from service.analysis.face.crop import FILL  # noqa: E402
from training.data import latents  # noqa: E402
from training.data.augment import frame_of  # noqa: E402
from training.data.batches import Batches  # noqa: E402
from training.data.dataset import STORED, Copies, Index, load_copies  # noqa: E402

KEYPOINTS = [[120, 125], [170, 125], [145, 150], [145, 180], [95, 135], [195, 135]]


@pytest.fixture
def index() -> Index:
    source = np.array(["a"] * 12 + ["b"] * 4)
    names = np.arange(16).astype(str)
    points = np.tile(np.array(KEYPOINTS, np.float32), (16, 1, 1))
    return Index(names, np.arange(16) == 0, source, names, np.ones(16, bool), points, source)


@pytest.fixture
def out(tmp_path: Path, index: Index) -> Path:
    """A folder as `training.fit.train` leaves it, and random weights."""
    crops = np.random.default_rng(0).integers(0, 255, (16, 32, 32, 3), dtype=np.uint8)
    np.save(tmp_path / "crops.npy", crops)
    np.savez(tmp_path / "index.npz", **vars(index))
    np.save(tmp_path / "split.npy", np.array(["train"] * 15 + ["calibration"]))
    for name, net in (("encoder", latents.encoder()), ("decoder", latents.decoder())):
        torch.save(net.state_dict(), tmp_path / f"taef2_{name}.pth")
    return tmp_path


def test_an_image_comes_back_in_its_size() -> None:
    net = torch.nn.Sequential(latents.encoder(), latents.decoder()).eval()
    images = np.zeros((2, 32, 32, 3), np.uint8)
    copies = latents.reconstruct(net, images)
    assert (copies.shape, copies.dtype) == (images.shape, np.uint8)
    assert latents.encoder()(torch.zeros(1, 3, 32, 32)).shape == (1, latents.LATENT, 4, 4)


def test_the_fill_around_a_photograph_stays_exact() -> None:
    """As a training batch takes it from every image: otherwise it alone would give a copy away."""
    net = torch.nn.Sequential(latents.encoder(), latents.decoder()).eval()
    images = np.full((2, 32, 32, 3), FILL, np.uint8)
    images[:, 8:24, 8:24] = 200
    copies = latents.reconstruct(net, images)
    changed = (copies != images).any(axis=3)
    assert changed[:, 8:24, 8:24].mean() > 0.9
    assert frame_of(copies[0]) == frame_of(images[0]) == (8, 8, 24, 24)


def test_every_second_copy_comes_from_shaken_latents() -> None:
    net = torch.nn.Sequential(latents.encoder(), latents.decoder()).eval()
    images = np.full((2, 32, 32, 3), 90, np.uint8)
    one, other = latents.reconstruct(net, images, 1), latents.reconstruct(net, images, 2)
    assert (one[0] != other[0]).any()
    assert (one[1] == other[1]).all()


def test_sources_take_turns_and_calibration_is_left_out(index: Index) -> None:
    assigned = np.array(["train"] * 15 + ["calibration"])
    rows = latents.chosen(index, assigned, 6)
    assert sorted(index.source[rows]) == ["a"] * 3 + ["b"] * 3
    assert not {0, 15} & set(latents.chosen(index, assigned, 16).tolist())


def test_what_was_made_is_not_made_again(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_copies(out, "latent") is None
    latents.make(out, out, 10)
    _, rows, copies = load_copies(out, "latent") or pytest.fail("nothing was written")
    first = copies.copy()
    assert (len(rows), copies.shape) == (10, (10, 32, 32, 3))
    monkeypatch.setattr(latents, "reconstruct", lambda *_: pytest.fail("made again"))
    latents.make(out, out, 10)
    assert np.array_equal(np.load(out / "latents.npy"), first)


def kept(copies: np.ndarray) -> Copies:
    return Copies("latent", np.array([3, 14]), copies)


def test_batches_show_a_copy_beside_its_original(index: Index) -> None:
    crops = np.full((16, STORED, STORED, 3), 60, np.uint8)
    copies = np.full((2, STORED, STORED, 3), 200, np.uint8)
    batches = Batches(index, crops, np.arange(16), 0, [kept(copies)])
    some = islice(batches.choices(), 200)
    found = [choice for choice in some if choice.species.startswith("latent")]
    assert {choice.genuine for choice in found} == {3, 14}
    fakes = [(choice.species, batches._fake(choice)) for choice in found]
    assert {(species, bool((fake == 200).all())) for species, fake in fakes} == {
        ("latent", True), ("latent inlay", False),
    }  # fmt: skip
    assert all((fake > 60).any() for _, fake in fakes)


def test_copies_of_rows_that_are_not_trained_on_are_left_out(index: Index) -> None:
    crops = np.zeros((16, STORED, STORED, 3), np.uint8)
    batches = Batches(index, crops, np.arange(10), 0, [kept(crops[:2])])
    assert [row for row, _, _ in batches.copied] == [3]
