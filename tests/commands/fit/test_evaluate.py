"""`facegate evaluate`: who counts as what, rates against hand-made scores, forms, refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from service.analysis.image import Analyzer
from service.errors import StartupError
from service.fitting.dataset import Scored, genuine_or_labelled, labelled, score
from service.fitting.report import report_of
from service.settings import Settings
from tests.albums import fill
from tests.commands.conftest import Run
from tests.commands.detect.test_detect import BLANK
from tests.models import copy_face_detectors, make_detector

Report = dict[str, Any]


@pytest.fixture(scope="module")
def red(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    copy_face_detectors(folder)
    make_detector(folder, "red")
    return folder


@pytest.fixture(scope="module")
def analyzer(red: Path) -> Analyzer:
    return Analyzer.load(Settings(models_dir=red))


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sources, two species, of which `pale` scores low; one image without a face, one broken.

    The detector's threshold in force, 0.6, lies at about 0.9 of the portrait's red.
    """
    folder = tmp_path_factory.mktemp("album")
    fill(folder / "real" / "phone", 80, 0.3, 0.7)
    fill(folder / "real" / "scan", 40, 0.6, 1.2)
    fill(folder / "fake" / "swap", 30, 1.0, 1.3)
    fill(folder / "fake" / "pale" / "one person", 10, 0.3, 0.4)
    (folder / "fake" / "swap" / "blank.png").write_bytes(BLANK)
    (folder / "real" / "phone" / "broken.jpg").write_bytes(b"\xff\xd8broken")
    (folder / "real" / "phone" / "notes.txt").write_text("no image")
    return folder


@pytest.fixture(scope="module")
def report(album: Path, analyzer: Analyzer) -> Report:
    return report_of(analyzer, score(analyzer, Settings(), labelled(album)))


def test_folders_say_what_an_image_is(album: Path) -> None:
    images = {image.path.relative_to(album).as_posix(): image for image in labelled(album)}
    assert len(images) == 80 + 40 + 30 + 10 + 2
    swap, pale = images["fake/swap/000.jpg"], images["fake/pale/one person/000.jpg"]
    assert (swap.fake, swap.source, swap.group) == (True, "swap", str(swap.path))
    assert (pale.fake, pale.source, pale.group) == (True, "pale", str(pale.path.parent))
    assert not images["real/scan/000.jpg"].fake


def test_images_without_a_sub_folder_are_one_unnamed_species(tmp_path: Path) -> None:
    fill(tmp_path / "fake", 2, 1.0, 1.1)
    assert {(image.fake, image.source) for image in labelled(tmp_path)} == {(True, "unnamed")}


def test_a_folder_without_real_is_all_genuine(tmp_path: Path) -> None:
    fill(tmp_path / "cam", 1, 0.5, 0.5)
    (image,) = genuine_or_labelled(tmp_path)
    assert (image.fake, image.source) == (False, "cam")


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="no image, video or recording"):
        labelled(tmp_path)
    with pytest.raises(StartupError, match="no image file"):
        genuine_or_labelled(tmp_path)


def test_scores_are_those_of_serving(album: Path, analyzer: Analyzer) -> None:
    some = labelled(album)[:5]
    scored = score(analyzer, Settings(), some)
    served = [analyzer.analyze(image.path.read_bytes()).probability for image in some]
    assert scored.probability.tolist() == served


def test_rates_at_the_threshold_in_force(report: Report) -> None:
    point = report["operating_points"][0]
    assert (point["bpcer"], point["threshold"]) == (None, 0.6)
    missed = {name: entry["value"] for name, entry in point["apcer_by_species"].items()}
    assert missed == {"pale": 1.0, "swap": 0.0}
    assert (point["apcer_worst_species"], point["apcer_mean"]) == ("pale", 0.5)
    alarms = {name: entry["value"] for name, entry in point["bpcer_by_source"].items()}
    assert alarms["phone"] == 0.0
    assert 0.3 < alarms["scan"] < 0.7
    assert point["bpcer_pooled"]["value"] == pytest.approx(alarms["scan"] / 3, abs=1e-3)


def test_only_rates_that_the_images_can_state(report: Report) -> None:
    """120 genuine images: 10 above the threshold at BPCER 10 %, too few at 5 %."""
    assert [point["bpcer"] for point in report["operating_points"]] == [None, 0.1]
    assert report["operating_points"][1]["bpcer_pooled"]["value"] == pytest.approx(0.1)
    assert report["not_stated"] == [0.001, 0.01, 0.05]


def test_what_got_no_answer_is_apart(report: Report) -> None:
    silent = {entry["source"]: entry for entry in report["non_response"]}
    assert silent["phone"]["codes"] == {"INVALID_IMAGE": 1}
    assert silent["swap"]["codes"] == {"FACE_NOT_FOUND": 1}
    assert (silent["swap"]["images"], silent["scan"]["without_answer"]) == (31, 0)
    assert report["images"] == {
        "genuine": 121, "genuine_judged": 120, "attacks": 41, "attacks_judged": 40,
    }  # fmt: skip
    assert report["operating_points"][0]["apcer_by_species"]["swap"]["images"] == 30


def test_auc_pooled_and_by_species(report: Report) -> None:
    species = {name: figure["value"] for name, figure in report["auc_by_species"].items()}
    assert species["swap"] > 0.9
    assert species["pale"] < 0.2
    assert report["auc"]["low"] <= report["auc"]["value"] <= report["auc"]["high"]
    pooled = (30 * species["swap"] + 10 * species["pale"]) / 40
    assert report["auc"]["value"] == pytest.approx(pooled, abs=1e-3)


def test_copies_of_one_person_are_no_independent_images(report: Report) -> None:
    """`pale` is one group, so its share cannot vary; `swap` has a group an image."""
    pale = report["operating_points"][1]["apcer_by_species"]["pale"]
    assert pale["low"] == pale["value"] == pale["high"]


def test_genuine_images_alone_give_bpcer_alone(analyzer: Analyzer) -> None:
    genuine = Scored(
        probability=np.linspace(0, 1, 150), code=np.full(150, ""), fake=np.zeros(150, bool),
        source=np.full(150, "cam"), group=np.arange(150).astype(str),
    )  # fmt: skip
    report = report_of(analyzer, genuine)
    assert report["auc"]["value"] is report["operating_points"][0]["apcer_mean"] is None
    assert report["operating_points"][0]["bpcer_pooled"]["value"] == 0.4
    json.dumps(report, allow_nan=False)


def test_table_and_file(facegate: Run, album: Path, red: Path, tmp_path: Path) -> None:
    ran = facegate("evaluate", album, "--output", tmp_path / "report.json", models_dir=red)
    assert ran.returncode == 0
    written = json.loads((tmp_path / "report.json").read_text())
    assert written["models"][0] == "red 1.0.0"
    lines = [line.split() for line in ran.stdout.splitlines()]
    assert ["APCER", "worst", "species", "pale", "pale"] in lines
    assert ["fake", "swap", "31", "1", "FACE_NOT_FOUND", "1"] in lines
    assert "BPCER 1.0% is left out: it takes 1,000 genuine images." in ran.stderr


def test_json_on_standard_output(facegate: Run, tmp_path: Path, red: Path) -> None:
    fill(tmp_path / "fake", 2, 1.0, 1.1)
    ran = facegate("evaluate", tmp_path, "--format", "json", models_dir=red)
    document = json.loads(ran.stdout)
    assert document["operating_points"][0]["apcer_by_species"]["unnamed"]["value"] == 0.0
    assert document["operating_points"][0]["bpcer_pooled"]["value"] is None


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("nowhere",), "There is no image, video or recording in nowhere/real or nowhere/fake."),
        (("blank",), "None of these images could be judged."),
        (("blank", "--output", "no/folder.json"), "The output file no/folder.json cannot be"),
    ],
)
def test_refusals(
    facegate: Run, tmp_path: Path, red: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    (tmp_path / "blank" / "real").mkdir(parents=True)
    (tmp_path / "blank" / "real" / "blank.png").write_bytes(BLANK)
    ran = facegate("evaluate", *arguments, models_dir=red)
    assert ran.returncode == 3
    assert sentence in ran.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "--reviewed-since"),
        (("--reviewed-since", "yesterday"), "is not a date"),
        (("--reviewed-since", "2026-01-01"), "No reviewed result of that time has its picture."),
    ],
)
def test_what_names_no_images_is_told_in_a_sentence(
    facegate: Run, arguments: tuple[str, ...], sentence: str
) -> None:
    facegate("licence", "issue", "Bank")  # makes the store
    ran = facegate("evaluate", *arguments)
    assert (ran.returncode, sentence in ran.stderr) == (3, True)
