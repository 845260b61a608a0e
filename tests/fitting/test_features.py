"""What is gathered of each image, and that it is asked for once only."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from service.analysis.detectors.load import load_detectors
from service.analysis.face.blazeface import FaceDetector
from service.analysis.image import Analyzer
from service.errors import StartupError
from service.fitting.features import Gathering, ImageFeatures, _read, _write, forget, kept_folder
from service.fitting.split import open_album
from service.settings import Settings
from tests.albums import fill
from tests.headed import FEATURES, make_headed
from tests.images import encode, portrait
from tests.models import copy_face_detectors, make_detector
from tests.servers import free_port


@pytest.fixture(scope="module")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`grid`, whose head can be retrained, and `red`, which has none."""
    folder = tmp_path_factory.mktemp("models")
    copy_face_detectors(folder)
    make_headed(folder)
    make_detector(folder, "red")
    return folder


@pytest.fixture
def settings(models_dir: Path, tmp_path: Path) -> Settings:
    return Settings(models_dir=models_dir, data_dir=tmp_path / "data")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four portraits, two portraits side by side, a grey picture, half a file."""
    fill(tmp_path / "album" / "real" / "phone", 4, 0.5, 0.9)
    pair = Image.new("RGB", (2 * portrait().width, portrait().height))
    for number in range(2):
        pair.paste(portrait(), (number * portrait().width, 0))
    fake = tmp_path / "album" / "fake"
    fake.mkdir()
    (fake / "a-pair.png").write_bytes(encode(pair))
    (fake / "blank.png").write_bytes(encode(Image.new("RGB", (200, 200), "grey")))
    (fake / "half.jpg").write_bytes(b"\xff\xd8broken")
    return tmp_path / "album"


def gather(settings: Settings, folder: Path) -> dict[str, ImageFeatures]:
    gathering = Gathering(settings, FaceDetector(settings.models_dir), load_detectors(settings, {}))
    album = open_album(folder)
    names = [image.path.name for image in album.images]
    return dict(zip(names, gathering.all(album), strict=True))


def test_it_is_what_the_analyzer_says(settings: Settings, folder: Path) -> None:
    seen, analyzer = gather(settings, folder)["000.jpg"], Analyzer.load(settings)
    (face,) = analyzer.analyze((folder / "real" / "phone" / "000.jpg").read_bytes()).faces
    expected = [one.probability for one in face.detectors]
    assert seen.said[:, 0].tolist() == pytest.approx(expected)
    assert [part.shape for part in seen.features] == [(1, FEATURES), (1, 0)]
    assert seen.code == ""


def test_every_face_that_would_be_judged(settings: Settings, folder: Path) -> None:
    assert gather(settings, folder)["a-pair.png"].said.shape == (2, 2)
    alone = settings.model_copy(update={"multi_face": "largest"})
    assert gather(alone, folder)["a-pair.png"].said.shape == (2, 1)


def test_what_cannot_be_judged_says_why(settings: Settings, folder: Path) -> None:
    found = gather(settings, folder)
    assert (found["blank.png"].code, found["blank.png"].said.shape) == ("FACE_NOT_FOUND", (2, 0))
    assert found["half.jpg"].code == "INVALID_IMAGE"


def test_it_is_asked_once(
    settings: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was kept is given back, and what is missing is asked for: a run that was interrupted
    goes on."""
    first = gather(settings, folder)
    asked = count_looks(monkeypatch)
    again = gather(settings, folder)
    assert asked == []
    assert all(np.array_equal(first[name].said, again[name].said) for name in first)
    assert again["blank.png"].code == "FACE_NOT_FOUND"
    fill(folder / "real" / "scan", 1, 0.45, 0.45)
    gather(settings, folder)
    assert [path.parent.name for path in asked] == ["scan"]


def count_looks(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    looked: list[Path] = []
    look = Gathering._look

    def noted(self: Gathering, path: Path) -> ImageFeatures:
        looked.append(path)
        return look(self, path)

    monkeypatch.setattr(Gathering, "_look", noted)
    return looked


class Cycle:
    """Found by the garbage collector only, which runs Python then, so that threads may change."""

    def __init__(self) -> None:
        self.itself = self

    def __del__(self) -> None:
        sum(range(50))


@pytest.fixture
def restless() -> Iterator[None]:
    """Threads change as often as they can, the garbage collector runs all the time."""
    interval, threshold = sys.getswitchinterval(), gc.get_threshold()
    sys.setswitchinterval(1e-6)
    gc.set_threshold(50)
    yield
    sys.setswitchinterval(interval)
    gc.set_threshold(*threshold)


@pytest.mark.slow
@pytest.mark.usefixtures("restless")
def test_it_is_read_by_many_threads_at_once(tmp_path: Path) -> None:
    kept = tmp_path / "kept.npz"
    _write(kept, ImageFeatures(np.array([[0.25]]), (np.ones((1, FEATURES), np.float32),)))

    def read(_: int) -> float:
        garbage = [Cycle() for _ in range(5)]
        seen = _read(kept, 1)
        return seen.said.item() if seen and garbage else -1.0

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(read, range(4000))) == {0.25}


def test_half_a_file_is_asked_for_again(settings: Settings, folder: Path) -> None:
    first = gather(settings, folder)
    for path in kept_folder(settings).rglob("*.npz"):
        os.truncate(path, path.stat().st_size // 2)
    again = gather(settings, folder)
    assert again["000.jpg"].said.tolist() == first["000.jpg"].said.tolist()


def test_another_model_is_asked_again(settings: Settings, folder: Path, tmp_path: Path) -> None:
    before = gather(settings, folder)["000.jpg"].said[0, 0]
    other = settings.model_copy(update={"models_dir": tmp_path / "other"})
    copy_face_detectors(other.models_dir)
    make_headed(other.models_dir, gain=-4.0)
    make_detector(other.models_dir, "red")
    assert gather(other, folder)["000.jpg"].said[0, 0] != pytest.approx(before, abs=1e-3)


def test_another_choice_of_faces_is_asked_again(settings: Settings, folder: Path) -> None:
    gather(settings, folder)
    strict = settings.model_copy(update={"min_face": 5000})
    assert gather(strict, folder)["000.jpg"].code == "FACE_TOO_SMALL"


def test_only_the_services_user_can_read_it(settings: Settings, folder: Path) -> None:
    gather(settings, folder)
    (kept,) = kept_folder(settings).iterdir()
    assert kept.stat().st_mode & 0o077 == 0


def test_it_can_be_forgotten(settings: Settings, folder: Path) -> None:
    gather(settings, folder)
    forget(settings)
    assert not kept_folder(settings).exists()


def test_a_detector_elsewhere_that_is_away_is_told(
    folder: Path, models_dir: Path, tmp_path: Path
) -> None:
    away = tmp_path / "models" / "away"
    copy_face_detectors(away.parent)
    away.mkdir()
    (away / "manifest.json").write_text(
        f'{{"kind": "remote", "name": "away", "version": "1", "retries": 0,'
        f' "url": "http://127.0.0.1:{free_port()}"}}'
    )
    settings = Settings(models_dir=away.parent, data_dir=tmp_path / "data")
    with pytest.raises(StartupError, match="The detector away did not answer: ConnectionError"):
        gather(settings, folder)


def test_a_data_folder_that_cannot_be_made_is_told(settings: Settings, folder: Path) -> None:
    settings.data_dir.touch()
    with pytest.raises(StartupError, match="Nothing can be kept in"):
        gather(settings, folder)
