"""Reading labels, cutting crops, splitting by group, pairing."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest

from training.data import dataset
from training.data.dataset import Index, LabelRow, load_crops, miss_rates, prepare, read_labels

ROOT = Path(__file__).parents[3]
HEADER = "shard,name,label,source,group\n"


def index_of(kinds: list[tuple[str, bool, str]]) -> Index:
    """(source, fake, group) of each row."""
    source, fake, group = (np.array(column) for column in zip(*kinds, strict=True))
    n = len(kinds)
    points = np.zeros((n, 6, 2))
    return Index(np.arange(n).astype(str), fake, source, group, np.ones(n, bool), points, source)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A face in a tar shard, the same as a plain file, and a picture without a face."""
    face = (ROOT / "scripts" / "demo" / "genuine.jpg").read_bytes()
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        member = tarfile.TarInfo("x/face.jpg")
        member.size = len(face)
        archive.addfile(member, io.BytesIO(face))
    (tmp_path / "face.jpg").write_bytes(face)
    (tmp_path / "none.pgm").write_bytes(b"P5 200 200 255 " + bytes(40_000))
    lines = "a.tar,x/face.jpg,real,s,1\n,face.jpg,fake,s,1\n,none.pgm,fake,t,2\n"
    (tmp_path / "labels.csv").write_text(HEADER + lines)
    return tmp_path


def test_labels(data: Path) -> None:
    assert read_labels(data)[0] == LabelRow("a.tar", "x/face.jpg", "real", "s", "1")


def test_a_species_is_told_of_a_fake_only(tmp_path: Path) -> None:
    lines = ",a.jpg,fake,s,1,inswapper\n,b.jpg,fake,s,2,\n,c.jpg,real,s,3,\n"
    (tmp_path / "labels.csv").write_text("shard,name,label,source,group,species\n" + lines)
    assert [row.kind for row in read_labels(tmp_path)] == ["inswapper", "s", "s"]


def test_an_unknown_label_is_refused(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text(HEADER + ",a.jpg,maybe,s,1\n")
    with pytest.raises(ValueError, match="maybe"):
        read_labels(tmp_path)


@pytest.mark.parametrize("part", [1, 1000])
def test_prepare_reads_shards_and_files_alike(
    data: Path, part: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By one process, or by one for each core."""
    monkeypatch.setattr(dataset, "PART", part)
    index = prepare(data, data / "out")
    crops = load_crops(data / "out")
    assert index.found.tolist() == [True, True, False]
    assert np.array_equal(crops[0], crops[1])
    assert crops[0].std() > 10
    assert (index.keypoints[0] > 60).all()
    assert (index.keypoints[0] < 228).all()
    assert miss_rates(index) == {"s real": (0, 1), "s fake": (0, 1), "t fake": (1, 1)}


def test_prepare_is_done_once(data: Path) -> None:
    first = prepare(data, data / "out")
    (data / "labels.csv").unlink()
    assert prepare(data, data / "out").name.tolist() == first.name.tolist()


def test_split_keeps_groups_whole_and_held_out_sources_in_the_test() -> None:
    pytest.importorskip("sklearn")
    from training.data.split import split

    kinds = [("a", bool(i % 2), f"a{i // 2}") for i in range(2000)]
    index = index_of([*kinds, *(("b", True, f"b{i}") for i in range(50))])
    index.found[5] = False
    assigned = split(index, index.group, hold_out=["b"])
    assert set(assigned[2000:]) == {"test"}
    assert assigned[5] == ""
    even = np.arange(10, 2000, 2)
    assert (assigned[even] == assigned[even + 1]).all()
    shares = {name: (assigned[:2000] == name).mean() for name in np.unique(assigned)}
    assert shares["test"] == pytest.approx(0.18, abs=0.01)
    assert shares["calibration"] == pytest.approx(0.12, abs=0.01)
    assert shares["train"] == pytest.approx(0.65, abs=0.01)


def test_a_later_training_keeps_what_an_earlier_one_kept(tmp_path: Path) -> None:
    """Also where it has more images: known groups stay apart, others are trained on."""
    pytest.importorskip("sklearn")
    from training.data.split import read_groups, split, write_groups

    index = index_of([("a", fake, str(n)) for n in range(100) for fake in (False, True)])
    assigned = split(index, index.group)
    write_groups(tmp_path / "groups.csv", index, assigned)
    assert (read_groups(tmp_path / "groups.csv", index) == assigned).all()
    more = index_of([("a", False, str(n)) for n in range(99, -20, -1)])
    again = dict(zip(more.group, read_groups(tmp_path / "groups.csv", more), strict=True))
    assert all(again[group] == name for group, name in zip(index.group, assigned, strict=True))
    assert again["-7"] == "train"


def test_matched_pairs_join_a_fake_to_its_original() -> None:
    pytest.importorskip("torch")
    from training.data.batches import matched

    index = index_of([("a", False, "1"), ("a", True, "2"), ("a", True, "1"), ("a", False, "3")])
    assert matched(index, np.arange(4)) == [(0, 2)]


def test_batches_are_half_fake_and_need_no_fakes_in_the_data() -> None:
    pytest.importorskip("torch")
    from training.data.batches import Batches
    from training.data.dataset import STORED

    index = index_of([("a", False, str(i)) for i in range(4)])
    index.keypoints[:] = [[120, 125], [170, 125], [145, 150], [145, 180], [95, 135], [195, 135]]
    crops = np.random.default_rng(0).integers(0, 255, (4, STORED, STORED, 3), dtype=np.uint8)
    batches = Batches(index, crops, np.arange(4), seed=0, size=12)
    images, kinds = next(iter(batches))
    assert images.shape == (12, 224, 224, 3)
    assert batches.species == {"self_blend": 1, "swap": 2}
    assert kinds[::2].tolist() == [0] * 6
    assert set(kinds[1::2].tolist()) == {1, 2}


def test_a_swap_is_with_the_face_that_is_turned_most_alike() -> None:
    pytest.importorskip("torch")
    from training.data.batches import Batches

    index = index_of([("a", False, str(i)) for i in range(3)])
    index.keypoints[:] = np.arange(12).reshape(6, 2) * 10.0
    index.keypoints[2, 2] += 40  # another nose
    batches = Batches(index, np.empty(3), np.arange(3), seed=0)
    assert [batches._donor(row, np.random.default_rng(0)) for row in (0, 1)] == [1, 0]
