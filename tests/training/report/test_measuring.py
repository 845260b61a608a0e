"""What is scored for a report, that it goes on where it was interrupted, and what changes cost."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from service.analysis.face.crop import FILL
from service.settings import PACKAGE
from tests.images import genuine, manipulated
from training.data.augment import encoded
from training.data.dataset import LabelRow, read_image
from training.report.evaluate import report
from training.report.measure import measuring, robustness
from training.report.measure.scoring import PhotographScorer, Scores, kept_scores, score

LITE0 = PACKAGE / "models" / "lite0"
ROWS = [
    LabelRow("", name, label, "s", name) for name, label in (("g.jpg", "real"), ("m.jpg", "fake"))
]
SPLITS = {"calibration": ROWS, "test": ROWS}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    (folder / "g.jpg").write_bytes(genuine())
    (folder / "m.jpg").write_bytes(manipulated())
    return folder


@pytest.fixture(scope="module")
def parts(data: Path) -> measuring.Parts:
    return measuring.measure(PhotographScorer(LITE0), data, data, SPLITS)


def scores(logit: list[float], fake: list[bool]) -> Scores:
    group = np.arange(len(logit)).astype(str)
    return Scores(np.array(logit), np.ones(len(logit)), np.array(fake), group, group)


def test_too_few_genuine_images_for_a_threshold_are_said(
    parts: measuring.Parts, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=r"^1 genuine calibration images were judged, too few"):
        report(tmp_path, tmp_path, LITE0, {}, parts)


def test_every_change_is_scored_of_the_same_images(parts: measuring.Parts) -> None:
    others = {"calibration", "calibration_sent", "test", "unchanged", "self_blends"}
    assert set(measuring.CHANGES) | others == {*parts}
    for name in ("unchanged", *measuring.CHANGES):
        assert parts[name].group.tolist() == ["s/g.jpg", "s/m.jpg"]
        assert parts[name].fake.tolist() == [False, True]
        assert parts[name].found.all()
    assert len({parts[name].logit[1] for name in measuring.CHANGES}) == len(measuring.CHANGES)


@pytest.mark.parametrize("name", measuring.COPIED)
def test_copies_of_test_images_are_scored_beside_them(
    name: str, data: Path, tmp_path: Path
) -> None:
    """The copy here is another photograph: its score is that photograph's, not the original's."""
    lines = [f",{row.name},{row.label},s,{row.name}\n" for row in ROWS]
    (data / "labels.csv").write_text("shard,name,label,source,group\n" + "".join(lines))
    pictures = np.stack([cv2.resize(read_image(data / row.name), (288, 288)) for row in ROWS])
    filled = pictures.copy()
    filled[:, :, :9] = FILL
    np.save(tmp_path / "crops.npy", filled)
    np.save(tmp_path / "split.npy", np.array(["test", "train"]))
    np.save(tmp_path / f"{name}_rows.npy", np.array([1, 0]))
    np.save(tmp_path / f"{name}s.npy", np.stack([pictures[0], pictures[1]]))
    plan = measuring._plan(PhotographScorer(LITE0), data, tmp_path, SPLITS)
    ((part, rows, scored),) = [part for part in plan if "copies" in part[0]]
    assert part == f"{name}_copies"
    found = scored(rows)
    alone = score(
        PhotographScorer(LITE0), data, ROWS, lambda n, _: encoded(pictures[n, :, 9:], ".jpg", 90)
    )
    assert found.fake.tolist() == [False, True]
    assert found.group.tolist() == ["s/g.jpg", "s/g.jpg"]
    assert found.logit.tolist() == alone.logit.tolist()


def test_what_was_scored_is_not_scored_again(
    parts: measuring.Parts, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measuring, "score", lambda *_, **__: pytest.fail("scored again"))
    again = measuring.measure(PhotographScorer(LITE0), data, data, SPLITS)
    assert again["test"].logit.tolist() == parts["test"].logit.tolist()


def test_where_more_of_each_kind_are_asked_for_all_are_scored_again(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [*ROWS, LabelRow("", "g.jpg", "real", "s", "another")]
    for most in (1, 2):
        monkeypatch.setattr(measuring, "MOST", most)
        monkeypatch.setattr(measuring, "FEW", most)
        splits = {"calibration": rows, "test": rows}
        parts = measuring.measure(PhotographScorer(LITE0), data, tmp_path, splits)
        genuine = {name: int((~scores.fake).sum()) for name, scores in parts.items()}
        assert genuine.pop("self_blends") == 1  # of two every second one is a self-blend
        assert set(genuine.values()) == {most}


def test_scores_of_another_model_are_not_taken(parts: measuring.Parts, data: Path) -> None:
    manifest = PhotographScorer(LITE0).manifest
    assert kept_scores(data, manifest)
    assert kept_scores(data, {**manifest, "sha256": "0" * 64}) == {}


def test_so_many_of_each_kind_and_always_the_same() -> None:
    rows = [LabelRow("", str(n), "fake" if n % 3 else "real", "a", "") for n in range(90)]
    picked = measuring.some(rows, 10)
    labels = [rows[row].label for row in picked]
    assert (labels.count("fake"), labels.count("real")) == (10, 10)
    assert picked.tolist() == measuring.some(rows, 10).tolist()


def test_what_the_changes_do_to_the_size() -> None:
    image = np.random.default_rng(0).integers(0, 255, (100, 80, 3), dtype=np.uint8)
    shapes = {name: change(0, image).shape for name, change in measuring.CHANGES.items()}
    assert shapes["half"] == (50, 40, 3)
    assert shapes["messenger"] == (60, 48, 3)
    assert shapes["quality_20"] == shapes["flipped"] == image.shape
    assert (measuring.flipped(0, measuring.flipped(0, image)) == image).all()


def test_the_cost_of_a_change_by_hand() -> None:
    """Of four attacks found one is lost to the change, and of one more no face is found."""
    before = scores([3, 3, 3, 3, 3, -3], [True] * 5 + [False])
    after = scores([3, 3, 3, -3, np.nan, -3], [True] * 5 + [False])
    found = robustness.cost(before, after, lambda s: 1 / (1 + np.exp(-s.logit)), 0.5)
    assert found["recall_lost"]["value"] == 0.25
    assert found["moved"]["value"] == pytest.approx((0.9526 - 0.0474) / 5, abs=1e-3)
