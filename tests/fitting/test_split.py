"""Which images are held out: people stay together, copies count once, every source gives some."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from service.errors import StartupError
from service.fitting.split import SHARE, Album, open_album


def put(folder: Path, count: int, first: int = 0) -> None:
    """Files of different content; what is in them is of no interest here."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(first, first + count):
        (folder / f"{number:03}.jpg").write_bytes(f"{folder} {number}".encode())


def share(album: Album, source: str) -> float:
    return float(album.held_out[album.source == source].mean())


def test_about_a_third_of_every_source(tmp_path: Path) -> None:
    put(tmp_path / "real" / "phone", 100)
    put(tmp_path / "real" / "scan", 10)
    put(tmp_path / "fake" / "swap", 40)
    album = open_album(tmp_path)
    assert [share(album, one) for one in ("phone", "scan", "swap")] == pytest.approx([SHARE] * 3)


def test_a_person_is_on_one_side(tmp_path: Path) -> None:
    """His genuine images and what was made of them, for the folders have one name."""
    for number in range(20):
        put(tmp_path / "real" / "phone" / f"person-{number}", 3)
        put(tmp_path / "fake" / "swap" / f"person-{number}" / "video", 2)
    album = open_album(tmp_path)
    for person in np.unique(album.unit):
        assert len(set(album.held_out[album.unit == person])) == 1
    assert len(np.unique(album.unit)) == 20
    assert share(album, "phone") == pytest.approx(SHARE, abs=0.05)
    assert share(album, "swap") == pytest.approx(SHARE, abs=0.05)


def test_a_source_of_one_person_is_fitted_to(tmp_path: Path) -> None:
    put(tmp_path / "real" / "phone" / "anna", 30)
    put(tmp_path / "fake" / "swap", 30)
    assert share(open_album(tmp_path), "phone") == 0


def test_copies_count_once(tmp_path: Path) -> None:
    put(tmp_path / "real" / "phone", 10)
    (tmp_path / "real" / "scan").mkdir()
    for path in (tmp_path / "real" / "phone").iterdir():
        (tmp_path / "real" / "scan" / f"copy-{path.name}").write_bytes(path.read_bytes())
    album = open_album(tmp_path)
    assert len(album.images) == len(set(album.sha256)) == 10


def test_an_image_that_is_both_is_refused(tmp_path: Path) -> None:
    for side in ("real", "fake"):
        (tmp_path / side).mkdir()
        (tmp_path / side / "one.jpg").write_bytes(b"the same")
    with pytest.raises(
        StartupError, match=r"The same image lies in real/ and in fake/: .*one\.jpg"
    ):
        open_album(tmp_path)


def test_more_images_move_few_of_the_others(tmp_path: Path) -> None:
    put(tmp_path / "real", 100)
    before = open_album(tmp_path)
    put(tmp_path / "real", 20, first=100)
    after = open_album(tmp_path)
    sides = dict(zip(after.sha256, after.held_out, strict=True))
    moved = [
        key for key, side in zip(before.sha256, before.held_out, strict=True) if sides[key] != side
    ]
    assert len(moved) <= 10


def test_it_is_the_same_wherever_the_folder_lies(tmp_path: Path) -> None:
    put(tmp_path / "a" / "real", 50)
    (tmp_path / "a").rename(tmp_path / "b")
    there = open_album(tmp_path / "b")
    (tmp_path / "b").rename(tmp_path / "a")
    assert open_album(tmp_path / "a").held_out.tolist() == there.held_out.tolist()


def test_a_broken_link_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "gone.jpg").symlink_to(tmp_path / "gone.jpg")
    put(tmp_path / "real", 1)
    assert len(open_album(tmp_path).images) == 1
