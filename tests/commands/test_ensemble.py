"""`facegate ensemble fit` and `rollback`. Scores are put where an earlier run would have left them;
a test of its own judges real images."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from service.analysis.analyzer import Analyzer
from service.commands import ensemble
from service.errors import StartupError
from service.settings import Settings, load_settings
from tests.analysis.models import copy_face_detectors, make_detector
from tests.analysis.test_fitting import made
from tests.images import genuine


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    models = tmp_path / "models"
    models.mkdir()
    copy_face_detectors(models)
    make_detector(models, "a")
    make_detector(models, "b", gain=2.0)
    monkeypatch.setenv("FACEGATE_MODELS_DIR", str(models))
    monkeypatch.setenv("FACEGATE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("FACEGATE_STORE", "null")
    return load_settings()


def filled(settings: Settings, other: dict[str, float]) -> Path:
    """A labelled folder whose images were all scored before."""
    folder = settings.data_dir.parent / "labelled"
    table = made(1.5, other)
    kept = (
        settings.data_dir / "ensemble" / f"{ensemble.detectors_id(Analyzer.load(settings))}.jsonl"
    )
    kept.parent.mkdir(parents=True)
    lines = []
    for number, species in enumerate(table.species):
        file = folder / str(species) / str(table.person[number]) / f"{number}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
        key = f"{file.relative_to(folder)} 0 {file.stat().st_mtime_ns}"
        said = dict(zip("ab", ensemble.sigmoid(table.log_odds[number]).tolist(), strict=True))
        lines.append(json.dumps({"key": key, "said": said}))
    kept.write_text("\n".join([*lines, '{"key": "half wri']))
    return folder


def deployed(settings: Settings) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads(
        (settings.data_dir / "models" / "ensemble" / "manifest.json").read_text()
    )
    return manifest


def test_a_better_fusion_is_deployed_used_and_taken_back(
    here: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    before = Analyzer.load(here)
    folder = filled(here, {"x": 1.5, "y": 1.5})
    assert ensemble.fit(folder) == 0
    assert "y held out" in capsys.readouterr().out
    after = Analyzer.load(here)
    assert (before.analyze(genuine()).fusion, after.analyze(genuine()).fusion) == (
        "average",
        "stacking",
    )
    assert after.fingerprint != before.fingerprint
    assert ensemble.detectors_id(after) == ensemble.detectors_id(before)
    points = deployed(here)["operating_points"]
    assert [one["bpcer"] for one in points] == [0.05, 0.1]  # of 240 genuine images
    assert points[0]["threshold"] > points[1]["threshold"]
    ensemble.rollback()
    assert Analyzer.load(here).analyze(genuine()).fusion == "average"
    with pytest.raises(StartupError, match="No fusion"):
        ensemble.rollback()


def test_one_that_is_worse_on_species_held_out_is_not_deployed(
    here: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ensemble.fit(filled(here, {"x": 6.0, "y": -2.0})) == 1
    assert "Not deployed: on species held out, a alone is better." in capsys.readouterr().out
    assert not (here.data_dir / "models").exists()


def test_the_fusion_before_comes_back(here: Settings) -> None:
    folder = filled(here, {"x": 1.5, "y": 1.5})
    target = here.data_dir / "models" / "ensemble" / "manifest.json"
    ensemble.fit(folder)
    first = json.loads(target.read_text()) | {"version": "first"}
    target.write_text(json.dumps(first))
    ensemble._deploy(here, first | {"version": "second"})
    assert deployed(here)["version"] == "second"
    ensemble.rollback()
    assert deployed(here)["version"] == "first"


def test_without_deploying_nothing_changes(here: Settings) -> None:
    assert ensemble.fit(filled(here, {"x": 1.5, "y": 1.5}), deploy=False) == 0
    assert not (here.data_dir / "models").exists()


def test_real_images_are_scored_once(here: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "labelled"
    for name in ("genuine/ada/1.jpg", "x/ada/1.jpg", "x/eve/broken.jpg"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"junk" if "broken" in name else genuine())
    analyzer = Analyzer.load(here)
    first = list(ensemble._scored(folder, analyzer, here))
    assert [(row["species"], row["person"]) for row in first] == [("genuine", "ada"), ("x", "ada")]
    assert set(first[0]["said"]) == {"a", "b"}

    class Never:
        model_card = analyzer.model_card

    assert list(ensemble._scored(folder, Never(), here)) == first  # type: ignore[arg-type]


def test_too_little_is_told(here: Settings, tmp_path: Path) -> None:
    (tmp_path / "labelled").mkdir()
    with pytest.raises(StartupError, match="0 genuine images, 0 species"):
        ensemble.fit(tmp_path / "labelled")


def test_one_detector_needs_no_fusion(
    here: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACEGATE_DETECTORS", "a")
    with pytest.raises(StartupError, match="two detectors"):
        ensemble.fit(tmp_path)
