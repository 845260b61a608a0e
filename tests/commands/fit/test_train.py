"""`facegate train`: a head that is better is written, used and taken back; any other is refused.

The shipped head of `grid` sees red alone. The attacks of the album differ by their green.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from service.analysis.image import Analyzer
from service.fitting import metrics
from service.fitting.dataset import labelled, score
from service.settings import Settings
from tests.albums import fill, fill_tinted
from tests.commands.conftest import Run
from tests.commands.fit.test_calibrate import contents
from tests.commands.fit.trainings import BPCER, Trained, train_in
from tests.headed import POINTS, make_headed
from tests.images import genuine
from tests.live import Live
from tests.models import copy_face_detectors, make_detector, manifest
from tests.store.records import eventually


@pytest.fixture(scope="module")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    copy_face_detectors(folder)
    make_headed(folder)
    return folder


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """180 genuine images, of which 60 are of 12 people, and 180 attacks of two species."""
    folder = tmp_path_factory.mktemp("album")
    fill_tinted(folder / "real" / "phone", 120, 0)
    fill_tinted(folder / "real" / "scan", 60, 0, people=12)
    fill_tinted(folder / "fake" / "swap", 119, 25)
    fill_tinted(folder / "fake" / "gan", 61, 40, people=12)
    return folder


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 images that had no part in it."""
    folder = tmp_path_factory.mktemp("others")
    fill_tinted(folder / "real" / "phone", 21, 0)
    fill_tinted(folder / "fake" / "swap", 19, 30)
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, models_dir: Path, album: Path) -> Trained:
    """Not to be changed."""
    return train_in(tmp_path_factory.mktemp("trained"), album, models_dir)


@pytest.fixture
def data(run: Trained, tmp_path: Path) -> Path:
    """A copy of the data folder."""
    return Path(shutil.copytree(run[1], tmp_path / "data"))


def auc(settings: Settings, folder: Path) -> float:
    scored = score(Analyzer.load(settings), settings, labelled(folder))
    return metrics.auc(scored.probability, scored.fake)


def test_it_says_what_it_did(run: Trained) -> None:
    ran, data = run
    assert ran.returncode == 0, ran.stderr
    shipped, new = (line for line in ran.stdout.splitlines() if line.startswith("grid"))
    assert shipped.split()[1] == "shipped"
    assert new.split()[1] == "new"
    assert "Held out: 56 genuine images and 56 attacks; fitted to 124 and 124 others." in ran.stdout
    assert f"Written: new heads of grid, in {data / 'heads'}." in ran.stdout
    assert "stands for a BPCER of 20.00%" in ran.stdout


def test_the_record_says_what_it_is_of(run: Trained, models_dir: Path) -> None:
    found = json.loads((run[1] / "heads" / "heads.json").read_text())
    (head,) = found["heads"]
    assert (head["made_for"]["name"], head["made_for"]["version"]) == ("grid", "1.0.0")
    assert head["made_at"].endswith("Z")
    assert sum(head["images"].values()) == 360
    assert head["figures"]["auc_after"]["value"] > head["figures"]["auc_before"]["high"]
    assert (
        found["identity"]
        == json.loads((run[1] / "calibration.json").read_text())["fitted_for"]["identity"]
    )
    assert 0.2 in [point["bpcer"] for point in head["operating_points"]]


def test_it_is_better_on_images_that_had_no_part_in_it(
    run: Trained, models_dir: Path, others: Path, tmp_path: Path
) -> None:
    shipped = Settings(models_dir=models_dir, data_dir=tmp_path, bpcer=BPCER)
    own = shipped.model_copy(update={"data_dir": run[1]})
    assert auc(shipped, others) < 0.75
    assert auc(own, others) > 0.95


def test_the_calibration_is_in_force_and_keeps_its_rate(
    run: Trained, models_dir: Path, others: Path
) -> None:
    settings = Settings(models_dir=models_dir, data_dir=run[1], bpcer=BPCER)
    analyzer = Analyzer.load(settings)
    assert analyzer.policy.calibration is not None
    assert not analyzer.ignored_calibration
    scored = score(analyzer, settings, labelled(others))
    called = scored.probability >= analyzer.policy.fusion.threshold
    assert called[~scored.fake].mean() < 0.5
    assert called[scored.fake].mean() > 0.9


def test_the_models_folder_is_not_touched(
    facegate: Run, models_dir: Path, album: Path, data: Path, tmp_path: Path
) -> None:
    copy = Path(shutil.copytree(models_dir, tmp_path / "models"))
    assert facegate("train", album, models_dir=copy, bpcer=BPCER).returncode == 0
    assert contents(copy) == contents(models_dir)


@pytest.fixture(scope="module")
def trained(
    run: Trained, models_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Live]:
    folder = tmp_path_factory.mktemp("live")
    shutil.copytree(run[1], folder / "data")
    with Live(folder, models_dir=models_dir, bpcer=BPCER) as live:
        yield live


def test_the_service_uses_it(run: Trained, models_dir: Path, trained: Live) -> None:
    card, answer = trained.get("/v1/model-card").json(), trained.analyze(genuine()).json()
    (grid,) = card["detectors"]
    (head,) = json.loads((run[1] / "heads" / "heads.json").read_text())["heads"]
    assert grid["own_head"]["sha256"] == head["sha256"]
    assert card["calibration"]["bpcer"] == BPCER
    own = Analyzer.load(Settings(models_dir=models_dir, data_dir=run[1], bpcer=BPCER))
    assert answer["probability"] == pytest.approx(own.analyze(genuine()).probability, abs=1e-5)


def test_the_log_tells_of_one_for_another_version(data: Path, tmp_path: Path) -> None:
    copy_face_detectors(tmp_path / "newer")
    make_headed(tmp_path / "newer", version="2.0.0")
    with Live(tmp_path, models_dir=tmp_path / "newer", bpcer=BPCER) as live:
        assert live.get("/v1/model-card").json()["detectors"][0]["own_head"] is None
        eventually(lambda: "head ignored" in live.log() and "calibration ignored" in live.log())


def test_list_and_doctor_tell_of_it(facegate: Run, data: Path, models_dir: Path) -> None:
    listed = facegate("models", "list", models_dir=models_dir, bpcer=BPCER)
    (line,) = (line for line in listed.stdout.splitlines() if line.startswith("grid"))
    today = json.loads((data / "heads" / "heads.json").read_text())["heads"][0]["made_at"][:10]
    assert f"own, {today}" in line
    assert "at 20.00%" in line
    found = facegate("doctor", models_dir=models_dir, bpcer=BPCER).stdout
    assert f"ok       heads: Heads of your own are in force: grid ({today})." in found


def test_list_and_doctor_tell_of_one_that_is_ignored(
    facegate: Run, data: Path, tmp_path: Path
) -> None:
    copy_face_detectors(tmp_path / "newer")
    make_headed(tmp_path / "newer", version="2.0.0")
    listed = facegate("models", "list", models_dir=tmp_path / "newer", bpcer=BPCER)
    assert "own" not in listed.stdout
    found = facegate("doctor", models_dir=tmp_path / "newer", bpcer=BPCER).stdout
    assert "warning  heads: Your own head of grid was made for another version" in found


def test_back_to_the_shipped_one(facegate: Run, data: Path, models_dir: Path) -> None:
    ran = facegate("train", "--remove", models_dir=models_dir)
    assert ran.returncode == 0
    assert "the shipped ones count again" in ran.stdout
    assert not (data / "calibration.json").exists()
    assert not (data / "train").exists()
    assert list((data / "heads").iterdir()) == []
    again = facegate("train", "--remove", models_dir=models_dir)
    assert again.stdout.startswith("There is no head of your own in")


def test_a_calibration_of_other_models_stays(facegate: Run, data: Path, models_dir: Path) -> None:
    path = data / "calibration.json"
    path.write_text(
        path.read_text().replace(json.loads(path.read_text())["fitted_for"]["identity"], "0" * 64)
    )
    facegate("train", "--remove", models_dir=models_dir)
    assert path.exists()


def test_a_damaged_head_stops_the_start_and_can_be_removed(
    facegate: Run, data: Path, models_dir: Path
) -> None:
    (data / "heads" / "heads.json").write_text("{")
    ran = facegate("serve", models_dir=models_dir, port=1)
    assert ran.returncode == 3
    assert facegate("train", "--remove", models_dir=models_dir).returncode == 0
    assert not (data / "heads" / "heads.json").exists()


def test_neither_a_damaged_head_nor_its_points_are_in_the_way_of_a_new_one(
    facegate: Run, data: Path, models_dir: Path, album: Path
) -> None:
    """A run at another BPCER, and one where the record of the last is damaged."""
    ran = facegate("train", album, models_dir=models_dir, bpcer=0.3)
    assert "stands for a BPCER of 30.00%" in ran.stdout
    (data / "heads" / "heads.json").write_text("{")
    assert facegate("train", album, models_dir=models_dir, bpcer=BPCER).returncode == 0


def test_a_dry_run_only_reports(facegate: Run, data: Path, models_dir: Path, album: Path) -> None:
    for name in ("heads", "calibration.json"):
        path = data / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    ran = facegate("train", album, "--dry-run", models_dir=models_dir, bpcer=BPCER)
    assert ran.returncode == 0
    assert "Nothing was written: this was a dry run." in ran.stdout
    assert [path.name for path in data.iterdir()] == ["train"]


@pytest.fixture(scope="module")
def easy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Attacks that the shipped head tells from every genuine image."""
    folder = tmp_path_factory.mktemp("easy")
    fill(folder / "real" / "phone", 180, 0.3, 0.5)
    fill(folder / "fake" / "swap", 180, 0.8, 1.2)
    return folder


def test_one_that_is_not_better_is_refused_unless_forced(
    facegate: Run, models_dir: Path, easy: Path, tmp_path: Path
) -> None:
    ran = facegate("train", easy, models_dir=models_dir, bpcer=BPCER)
    assert ran.returncode == 1
    assert "Not written: on the images held out, the new head is not better" in ran.stdout
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["train"]
    assert facegate("train", easy, "--force", models_dir=models_dir, bpcer=BPCER).returncode == 0
    assert {"heads", "calibration.json"} <= {path.name for path in (tmp_path / "data").iterdir()}


def test_one_detector_of_several_gets_another_head(
    facegate: Run, models_dir: Path, album: Path, others: Path, tmp_path: Path
) -> None:
    """`red` has no head to retrain; both together are judged as they are fused."""
    both = Path(shutil.copytree(models_dir, tmp_path / "models"))
    make_detector(both, "red", gain=1.0, operating_points=POINTS)
    ran = facegate("train", album, models_dir=both, bpcer=BPCER)
    assert ran.returncode == 0
    assert "all, by average" in ran.stdout
    card = Analyzer.load(
        Settings(models_dir=both, data_dir=tmp_path / "data", bpcer=BPCER)
    ).model_card()
    heads = {one["name"]: one.get("own_head") for one in card["detectors"]}  # type: ignore[attr-defined]
    assert (heads["red"], heads["grid"] is None) == (None, False)
    assert card["calibration"] is not None


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "Name a folder, or --remove."),
        (("few", "--remove"), "Name a folder, or --remove."),
        (("nowhere",), "There is no image, video or recording in"),
        (("few",), "3 genuine images can be held out to judge a new head by: 50 are needed."),
    ],
)
def test_refusals(
    facegate: Run, models_dir: Path, tmp_path: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    fill(tmp_path / "few" / "real" / "phone", 10, 0.5, 0.6)
    ran = facegate("train", *arguments, models_dir=models_dir, bpcer=BPCER)
    assert ran.returncode == 3
    assert sentence in ran.stderr
    assert not (tmp_path / "data").exists()


def test_few_attacks_are_refused(facegate: Run, models_dir: Path, tmp_path: Path) -> None:
    fill(tmp_path / "few" / "real" / "phone", 170, 0.5, 0.6)
    fill(tmp_path / "few" / "fake" / "swap", 10, 0.7, 0.8)
    ran = facegate("train", "few", models_dir=models_dir, bpcer=BPCER)
    assert "3 attacks can be held out to judge a new head by: 50 are needed." in ran.stderr


def test_models_that_cannot_be_retrained_are_told(
    facegate: Run, album: Path, tmp_path: Path
) -> None:
    copy_face_detectors(tmp_path / "models")
    make_detector(tmp_path / "models", "red", operating_points=POINTS)
    ran = facegate("train", album, models_dir=tmp_path / "models", bpcer=BPCER)
    assert ran.returncode == 3
    assert "No model in force can be retrained, for none gives out what its head sees: red." in (
        ran.stderr
    )


def test_a_head_that_does_not_make_the_logit_is_told(
    facegate: Run, album: Path, tmp_path: Path
) -> None:
    """The manifest's bias is not that of the graph: the model's is 0.25, this one's is far off."""
    copy_face_detectors(tmp_path / "models")
    folder = make_headed(tmp_path / "models")
    model = onnx.load(folder / "model.onnx")
    model.graph.initializer.append(numpy_helper.from_array(np.float32([9.0]), "decoy"))
    onnx.save(model, folder / "model.onnx")
    fields = {
        "output": {"logit": "logit", "features": "features"},
        "head": {"weight": "head.weight", "bias": "decoy"},
        "operating_points": POINTS,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest(folder, **fields)))
    ran = facegate("train", album, models_dir=tmp_path / "models", bpcer=BPCER)
    assert "names does not make its logit" in ran.stderr


def test_votes_are_refused(facegate: Run, models_dir: Path, album: Path, tmp_path: Path) -> None:
    both = Path(shutil.copytree(models_dir, tmp_path / "models"))
    make_detector(both, "red", operating_points=POINTS)
    ran = facegate("train", album, models_dir=both, bpcer=BPCER, fusion="voting")
    assert "Votes cannot be calibrated." in ran.stderr
