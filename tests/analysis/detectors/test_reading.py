"""A detector that reads what clip saw of a face, without looking itself."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from service.analysis.detectors.load import load_detectors
from service.analysis.detectors.onnx import OnnxDetector
from service.analysis.detectors.reading import ReadingDetector
from service.analysis.face.blazeface import Face
from service.analysis.face.crop import Portrait
from service.analysis.image import Analyzer
from service.errors import StartupError
from service.repository.manifest import PRESENTATION, load_manifest
from service.repository.registry import detector_folders
from service.settings import PACKAGE, Settings
from tests.images import genuine

MODELS = PACKAGE / "models"
CLIP, READING = MODELS / "clip", MODELS / "clip-pad"


@pytest.fixture(scope="module")
def clip() -> OnnxDetector:
    return OnnxDetector(CLIP, bpcer=0.05)


def portrait() -> Portrait:
    pixels = np.random.default_rng(5).integers(0, 256, (300, 300, 3), dtype=np.uint8)
    return Portrait(pixels, Face(60, 60, 170, 170, 1.0, np.zeros((6, 2))))


def test_it_reads_what_was_seen_and_does_not_look_again(
    clip: OnnxDetector, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading = ReadingDetector(READING, clip, bpcer=0.05)
    alone, face = reading.predict(portrait()), portrait()
    clip.predict(face)
    monkeypatch.setattr(clip, "_session", None)  # it would fail to look
    assert reading.predict(face).probability == alone.probability


def test_a_reading_detector_answers_for_a_crop_as_for_its_face(clip: OnnxDetector) -> None:
    reading, face = ReadingDetector(READING, clip, bpcer=0.05), portrait()
    assert reading.logit(face.crop(1.3, 224)) == pytest.approx(reading.raw(face), abs=1e-4)


def test_it_shares_the_session_of_a_loaded_detector(clip: OnnxDetector) -> None:
    settings = Settings(profile="accurate")
    found = load_detectors(settings, task=PRESENTATION, loaded=[clip])
    assert [one.name for one in found] == ["clip-pad", "texture"]
    assert found[0]._source is clip  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"profile": "accurate"}, ["clip-pad", "texture"]),
        ({"profile": "fast"}, ["texture"]),
        ({"profile": "accurate", "detectors": ("lite0",)}, ["texture"]),
        ({"profile": "accurate", "detectors": ("clip",)}, ["clip-pad", "texture"]),
    ],
)
def test_it_is_in_force_where_clip_looks_anyway(
    changes: dict[str, object], names: list[str]
) -> None:
    folders = detector_folders(Settings(**changes), PRESENTATION)  # type: ignore[arg-type]
    assert [folder.name for folder in folders] == names


def test_both_are_fused_by_the_shipped_weights() -> None:
    analyzer = Analyzer.load(Settings(profile="accurate"))
    tasks = analyzer.model_card()["tasks"]
    assert isinstance(tasks, dict)
    assert tasks[PRESENTATION]["fusion"]["manifest"]["name"] == "presentation"
    found = analyzer.analyze(genuine()).findings[1]
    assert [one.name for one in found.detectors] == ["clip-pad", "texture"]


def test_it_reads_one_version_only(tmp_path: Path) -> None:
    other = shutil.copytree(CLIP, tmp_path / "clip")
    fields = json.loads((other / "manifest.json").read_text())
    (other / "manifest.json").write_text(json.dumps({**fields, "version": "9.9.9"}))
    with pytest.raises(StartupError, match=r"clip-pad reads clip \d+\.\d+\.\d+, not clip 9\.9\.9"):
        ReadingDetector(READING, OnnxDetector(other, bpcer=0.05), bpcer=0.05)


def test_what_it_reads_must_be_a_model_in_here(tmp_path: Path) -> None:
    shutil.copytree(READING, tmp_path / "clip-pad")
    (tmp_path / "clip").mkdir()
    far = {"kind": "remote", "name": "clip", "version": "2.0.0", "url": "http://127.0.0.1:9"}
    (tmp_path / "clip" / "manifest.json").write_text(json.dumps(far))
    settings = Settings(models_dir=tmp_path, profile="accurate")
    with pytest.raises(StartupError, match="clip-pad reads clip, which is no ONNX file"):
        load_detectors(settings, task=PRESENTATION)


def test_that_others_read_it_changes_no_answer_of_a_model(tmp_path: Path) -> None:
    """An operator's calibration still fits."""
    other = shutil.copytree(CLIP, tmp_path / "clip")
    fields = json.loads((other / "manifest.json").read_text())
    del fields["output"]["pools"]
    (other / "manifest.json").write_text(json.dumps(fields))
    assert load_manifest(other).identity == load_manifest(CLIP).identity
    assert '"reads"' not in load_manifest(CLIP).identity
    assert '"reads"' in load_manifest(READING).identity
