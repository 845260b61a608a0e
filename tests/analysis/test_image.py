"""The whole road over real models, with a detector that sees redness."""

from __future__ import annotations

import base64
import hashlib
import io
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from service.analysis.image import Analyzer
from service.analysis.judgement import ANALYSIS, ImageAnalysis
from service.errors import CannotJudge, ImageError, ImageTooLarge, Reason, StartupError
from service.settings import Settings
from tests.analysis.conftest import MakeAnalyzer
from tests.images import encode, genuine, nasty, portrait, sideways
from tests.models import make_detector


def tinted(red: float) -> Image.Image:
    """The portrait with its red channel scaled."""
    pixels = np.asarray(portrait()) * [red, 1.0, 1.0]
    return Image.fromarray(pixels.astype(np.uint8))


def side_by_side(*images: Image.Image) -> bytes:
    canvas = Image.new("RGB", (sum(image.width for image in images), 480), (90, 90, 90))
    left = 0
    for image in images:
        canvas.paste(image, (left, 480 - image.height))
        left += image.width
    return encode(canvas)


def refusal(analyzer: Analyzer, data: bytes) -> Reason:
    with pytest.raises(CannotJudge) as caught:
        analyzer.analyze(data)
    return caught.value.reason


def same(one: ImageAnalysis, other: ImageAnalysis) -> bool:
    return replace(one, timings={}) == replace(other, timings={})


def test_a_judgement_is_complete(analyzer: Analyzer) -> None:
    analysis = analyzer.analyze(genuine())
    face = analysis.faces[0]
    assert analysis.image.sha256 == hashlib.sha256(genuine()).hexdigest()
    assert (analysis.image.format, analysis.image.width, analysis.image.rotation) == (
        "JPEG",
        480,
        0,
    )
    assert (analysis.counted, analysis.faces_found, len(analysis.faces)) == (0, 1, 1)
    assert (analysis.threshold, analysis.bpcer, analysis.fusion) == (0.6, 0.05, "single")
    assert analysis.probability == face.probability == face.detectors[0].probability
    assert (face.detectors[0].name, face.detectors[0].version) == ("red", "1.0.0")
    assert analysis.reasons == face.quality.reasons == ()
    assert analysis.heat_map is None
    (finding,) = analysis.findings
    assert (finding.task, finding.advisory, finding.detectors) == (
        *("deepfake", False),
        face.detectors,
    )
    assert (finding.score, finding.threshold) == (analysis.score, analysis.threshold)
    assert (finding.decision == "attack") == (analysis.decision == "deepfake")
    assert set(analysis.timings) == {"decode", "detect", "infer", "provenance", "total"}
    assert sum(analysis.timings.values()) <= 2 * analysis.timings["total"]


@pytest.mark.parametrize(("red", "decision"), [(1.0, "deepfake"), (0.2, "bona_fide")])
def test_the_detector_decides(analyzer: Analyzer, red: float, decision: str) -> None:
    analysis = analyzer.analyze(encode(tinted(red)))
    assert analysis.decision == decision
    assert (analysis.score >= 0.5) == (decision == "deepfake")
    assert (analysis.probability >= analysis.threshold) == (decision == "deepfake")


def test_the_score_is_recentred_at_the_threshold(make_analyzer: MakeAnalyzer) -> None:
    strict, lax = (make_analyzer(bpcer=b).analyze(genuine()) for b in (0.01, 0.1))
    assert strict.probability == lax.probability
    assert (strict.threshold, lax.threshold) == (0.9, 0.4)
    assert strict.score < lax.score


@pytest.mark.parametrize("explain", [True, False])
def test_round_trip_through_json(analyzer: Analyzer, explain: bool) -> None:
    analysis = analyzer.analyze(genuine(), explain=explain)
    text = ANALYSIS.dump_json(analysis)
    assert ANALYSIS.validate_json(text) == analysis
    assert ANALYSIS.validate_python(ANALYSIS.dump_python(analysis, mode="json")) == analysis


def test_the_explanation_is_the_upright_image(analyzer: Analyzer) -> None:
    tall = portrait().crop((40, 0, 440, 480)).resize((1000, 1200))
    analysis = analyzer.analyze(encode(tall.rotate(90, expand=True)), explain=True)
    assert analysis.heat_map is not None
    png = Image.open(io.BytesIO(base64.b64decode(analysis.heat_map.partition(",")[2])))
    assert (png.format, png.size) == ("PNG", (533, 640))
    assert "explain" in analysis.timings


def test_explaining_changes_no_score(analyzer: Analyzer) -> None:
    plain, explained = analyzer.analyze(genuine()), analyzer.analyze(genuine(), explain=True)
    assert same(plain, replace(explained, heat_map=None))


@cache
def pale_and_red() -> bytes:
    return side_by_side(tinted(0.2), tinted(1.0).resize((400, 400)))


class TestSeveralFaces:
    """A pale face of 480 pixels on the left, a red one of 400 on the right."""

    def test_the_worst_counts(self, analyzer: Analyzer) -> None:
        analysis = analyzer.analyze(pale_and_red())
        assert (analysis.decision, analysis.counted, len(analysis.faces)) == ("deepfake", 1, 2)
        assert analysis.probability == analysis.faces[1].probability
        assert analysis.faces[0].box.width > analysis.faces[1].box.width
        assert Reason.TOO_MANY_FACES in analysis.reasons

    def test_the_largest_counts(self, make_analyzer: MakeAnalyzer) -> None:
        analysis = make_analyzer(multi_face="largest").analyze(pale_and_red())
        assert (analysis.decision, analysis.faces_found, len(analysis.faces)) == ("bona_fide", 2, 1)
        assert Reason.TOO_MANY_FACES in analysis.reasons

    def test_refused(self, make_analyzer: MakeAnalyzer) -> None:
        assert refusal(make_analyzer(multi_face="refuse"), pale_and_red()) is Reason.TOO_MANY_FACES

    def test_a_bystander_does_not_count(self, make_analyzer: MakeAnalyzer) -> None:
        data = side_by_side(tinted(0.2), tinted(1.0).resize((150, 150)))
        analysis = make_analyzer(multi_face="refuse").analyze(data)
        assert (analysis.decision, len(analysis.faces)) == ("bona_fide", 1)


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_sideways_photograph(analyzer: Analyzer, turn: int) -> None:
    upright, turned = analyzer.analyze(genuine()), analyzer.analyze(sideways(turn))
    assert turned.image.rotation == 360 - turn
    assert turned.probability == pytest.approx(upright.probability, abs=0.05)
    assert turned.faces[0].box.x == pytest.approx(upright.faces[0].box.x, abs=10)


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_an_orientation_in_exif_needs_no_search(analyzer: Analyzer, orientation: int) -> None:
    analysis = analyzer.analyze(nasty(f"orientation-{orientation}.jpg"))
    assert analysis.image.rotation == 0
    assert analysis.faces_found == 1


def test_the_box_is_in_stored_pixels(analyzer: Analyzer) -> None:
    small, huge = analyzer.analyze(genuine()), analyzer.analyze(nasty("huge.jpg"))
    assert (huge.image.width, huge.image.height) == (3840, 3840)
    assert huge.faces[0].box.x / 8 == pytest.approx(small.faces[0].box.x, abs=5)
    assert huge.faces[0].quality.face_width == huge.faces[0].box.width


def test_a_face_that_fills_the_frame_is_judged(analyzer: Analyzer) -> None:
    box = analyzer.analyze(genuine()).faces[0].box
    corners = (box.x, box.y, box.x + box.width, box.y + box.height)
    analysis = analyzer.analyze(encode(portrait().crop(tuple(round(v) for v in corners))))
    assert analysis.faces_found == 1
    assert {Reason.FACE_CROPPED, Reason.FACE_CLOSE_TO_BORDER} & set(analysis.reasons)


def test_without_a_face_there_is_no_score(analyzer: Analyzer) -> None:
    for name in ("one-pixel.png", "tall.png", "wide.png", "tall.jpg"):
        assert refusal(analyzer, nasty(name)) is Reason.FACE_NOT_FOUND


def test_a_small_face_is_refused(analyzer: Analyzer) -> None:
    tiny = portrait().resize((100, 100))
    assert refusal(analyzer, encode(tiny)) is Reason.FACE_TOO_SMALL


def test_a_warning_can_be_made_to_refuse(make_analyzer: MakeAnalyzer, analyzer: Analyzer) -> None:
    dark = encode(Image.fromarray(np.asarray(portrait()) // 8))
    assert Reason.IMAGE_TOO_DARK in analyzer.analyze(dark).reasons
    assert refusal(make_analyzer(refuse="IMAGE_TOO_DARK"), dark) is Reason.IMAGE_TOO_DARK


def test_broken_and_oversized_images(analyzer: Analyzer, make_analyzer: MakeAnalyzer) -> None:
    with pytest.raises(ImageError):
        analyzer.analyze(nasty("truncated.jpg"))
    with pytest.raises(ImageTooLarge):
        make_analyzer(max_pixels=1000).analyze(genuine())


def test_several_threads_get_the_same_answers(analyzer: Analyzer) -> None:
    images = [encode(tinted(red)) for red in (0.2, 0.5, 0.8, 1.0)] * 4
    alone = [analyzer.analyze(data) for data in images]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(analyzer.analyze, images))
    assert all(map(same, alone, together))


@pytest.fixture
def two_detectors(models_dir: Path) -> Path:
    """`red` says 0.9 or so on the portrait, `shy` says 0.1 or so; thresholds 0.6 and 0.4."""
    make_detector(models_dir, "red")
    make_detector(models_dir, "shy", gain=1.0, bias=-4.0)
    return models_dir


@pytest.mark.parametrize("fusion", ["average", "max", "voting"])
def test_several_detectors_are_fused(two_detectors: Path, fusion: Any) -> None:
    analysis = Analyzer.load(Settings(models_dir=two_detectors, fusion=fusion)).analyze(genuine())
    red, shy = (score.probability for score in analysis.faces[0].detectors)
    expected = {"average": (red + shy) / 2, "max": red, "voting": 0.5}[fusion]
    assert red > 0.6 > shy
    assert analysis.probability == pytest.approx(expected)
    assert analysis.fusion == fusion


@pytest.mark.parametrize(
    "changes",
    [
        {"bpcer": 0.06},
        {"multi_face": "largest"},
        {"max_faces": 4},
        {"refuse": "IMAGE_TOO_DARK"},
        {"min_face": 47},
        {"border_margin": 0.03},
        {"max_angle": 44.0},
        {"min_sharpness": 9.0},
        {"min_brightness": 0.2},
        {"max_brightness": 0.8},
        {"fusion": "max"},
    ],
)
def test_the_fingerprint_changes_with_the_settings(
    analyzer: Analyzer, make_analyzer: MakeAnalyzer, changes: dict[str, Any]
) -> None:
    assert make_analyzer(**changes).fingerprint != analyzer.fingerprint


def test_the_fingerprint_is_stable(analyzer: Analyzer, make_analyzer: MakeAnalyzer) -> None:
    """Settings that change no answer do not change it either."""
    other = make_analyzer(port=6001, refuse="FACE_TOO_SMALL,FACE_NOT_FOUND")
    assert other.fingerprint == analyzer.fingerprint == analyzer.analyze(genuine()).fingerprint


def test_the_fingerprint_changes_with_a_model(models_dir: Path) -> None:
    seen = set()
    for changes in (
        {},
        {"version": "1.0.1"},
        {"gain": 5.0},
        {"calibration": {"slope": 2, "intercept": 0}},
    ):
        shutil.rmtree(models_dir / "red", ignore_errors=True)
        make_detector(models_dir, "red", **changes)
        seen.add(Analyzer.load(Settings(models_dir=models_dir)).fingerprint)
    assert len(seen) == 4


def test_models_and_card(analyzer: Analyzer) -> None:
    assert [(model.name, model.kind) for model in analyzer.models] == [
        ("red", "detector"),
        ("blazeface-full", "face_detector"),
        ("blazeface-short", "face_detector"),
    ]
    card: dict[str, Any] = analyzer.model_card()
    assert card["operating_point"] == {"bpcer": 0.05, "threshold": 0.6}
    assert card["detectors"][0]["origin"] == "made by a test"
    assert card["fingerprint"] == analyzer.fingerprint
    assert {one["licence"] for one in card["face_detectors"]} == {"Apache-2.0"}


@pytest.mark.parametrize("name", ["red", "blazeface-short", "blazeface-full"])
def test_a_damaged_model_is_one_sentence(models_dir: Path, name: str) -> None:
    make_detector(models_dir, "red")
    file = models_dir / name / "model.onnx"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(StartupError) as caught:
        Analyzer.load(Settings(models_dir=models_dir))
    assert caught.value.sentence == (
        f"The model {name} is damaged: its checksum differs from its manifest."
    )
    assert caught.value.remedy


@pytest.mark.slow
def test_the_shipped_models_load_and_judge() -> None:
    analysis = Analyzer.load(Settings()).analyze(genuine(), explain=True)
    assert 0 <= analysis.score <= 1
    assert analysis.heat_map is not None
