"""One judgement fused in several ways."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from service.analysis.decision.fusion import Fusion, open_fusion
from service.analysis.decision.reweigh import Method, Reweighed, reweigh
from service.analysis.image import Analyzer
from service.analysis.judgement import DetectorScore, ImageAnalysis
from service.errors import NoDetectorAnswered
from service.settings import Settings
from tests.images import genuine

LINES = {"a": 0.5, "b": 0.2, "c": 0.9}


class Made:
    """A detector of which only name, version and threshold matter here."""

    version = "1"

    def __init__(self, name: str) -> None:
        self.name, self.threshold = name, LINES[name]


def fusion_of(method: Method, names: Sequence[str]) -> Fusion:
    some: Any = [Made(name) for name in names]
    return open_fusion(Settings(fusion=method), some)


def reweighed(
    analysis: ImageAnalysis, method: Method, names: Sequence[str] | None = None
) -> Reweighed:
    return reweigh(analysis, method, LINES, fusion_of, names)


@pytest.fixture(scope="module")
def analysis(analyzer: Analyzer) -> ImageAnalysis:
    return analyzer.analyze(genuine())


def said(analysis: ImageAnalysis, *faces: dict[str, float]) -> ImageAnalysis:
    judged = tuple(
        replace(
            analysis.faces[0],
            detectors=tuple(DetectorScore(name, "1", p) for name, p in face.items()),
        )
        for face in faces
    )
    return replace(analysis, faces=judged)


def test_voting_counts_who_is_above_its_own_line(analysis: ImageAnalysis) -> None:
    votes = reweighed(said(analysis, {"a": 0.4, "b": 0.3, "c": 0.95}), "voting")
    assert (votes.method, round(votes.score, 3)) == ("voting", 0.667)
    few = reweighed(said(analysis, {"a": 0.4, "b": 0.3, "c": 0.8}), "voting")
    assert round(few.score, 3) == 0.333


def test_the_average_has_its_line_at_the_average_of_the_lines(analysis: ImageAnalysis) -> None:
    even = reweighed(said(analysis, LINES), "average")
    assert even.score == pytest.approx(0.5)
    assert reweighed(said(analysis, LINES | {"a": 0.6}), "average").score > 0.5


def test_each_voice_has_its_line_at_a_half(analysis: ImageAnalysis) -> None:
    votes = reweighed(said(analysis, LINES), "average").votes
    assert [one.name for one in votes] == ["a", "b", "c"]
    assert [one.score for one in votes] == pytest.approx([0.5] * 3)


def test_the_worst_face_counts_by_the_method_asked_for(analysis: ImageAnalysis) -> None:
    faces = ({"a": 0.55, "b": 0.25, "c": 0.1}, {"a": 0.1, "b": 0.1, "c": 0.99})
    two = said(analysis, *faces)
    assert reweighed(two, "voting").votes[0].score == pytest.approx(0.55)
    assert reweighed(two, "average").votes[2].score > 0.5


def test_some_detectors_alone(analysis: ImageAnalysis) -> None:
    some = reweighed(said(analysis, LINES | {"b": 0.9}), "voting", ["b"])
    assert [one.name for one in some.votes] == ["b"]
    assert some.score > 0.9


def test_none_left_is_told(analysis: ImageAnalysis) -> None:
    away = replace(said(analysis, {"a": 0.5}), left_out=("b", "c"))
    assert reweighed(away, "average").left_out == ("b", "c")
    assert reweighed(away, "average", ["a", "c"]).left_out == ("c",)
    with pytest.raises(NoDetectorAnswered):
        reweighed(away, "average", ["c"])


def test_it_agrees_with_the_services_own_judgement(
    analysis: ImageAnalysis, analyzer: Analyzer
) -> None:
    again = reweigh(analysis, "average", analyzer.thresholds, analyzer.policy.fusion_of)
    assert again.score == pytest.approx(analysis.score)


def test_stacking_without_a_trained_fusion_is_averaging_and_says_so(
    analysis: ImageAnalysis,
) -> None:
    both = [reweighed(said(analysis, LINES), method) for method in ("stacking", "average")]
    assert both[0] == both[1]
    assert both[0].method == "average"
