"""Fusion of probabilities and thresholds, and the re-centred score."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.analysis.decision.rules import RULES, centred, fuse, fused_threshold

P, T = [0.2, 0.9, 0.7], [0.5, 0.8, 0.8]
unit = st.floats(0, 1)


@pytest.mark.parametrize(
    ("method", "probability", "threshold"),
    [("average", 0.6, 0.7), ("max", 0.9, 0.8), ("voting", 1 / 3, 0.5)],
)
def test_rules(method: str, probability: float, threshold: float) -> None:
    assert fuse(method, P, T) == pytest.approx(probability)
    assert fused_threshold(method, T) == pytest.approx(threshold)


def test_two_votes_of_three_are_enough() -> None:
    assert fuse("voting", [0.6, 0.9, 0.1], T) >= fused_threshold("voting", T)


@given(st.sampled_from(sorted(RULES)), unit, unit)
def test_one_detector_keeps_its_own(method: str, p: float, t: float) -> None:
    assert fuse(method, [p], [t]) == p
    assert fused_threshold(method, [t]) == t


@given(unit, unit)
def test_half_is_the_decision_line(p: float, t: float) -> None:
    score = centred(p, t)
    assert 0 <= score <= 1
    if abs(p - t) > 1e-9:
        assert (score >= 0.5) == (p >= t)


def test_on_the_threshold_the_score_is_half() -> None:
    assert [centred(t, t) for t in (0.0, 0.3, 1.0)] == [0.5, 0.5, 0.5]


def test_centring_at_half_changes_nothing() -> None:
    assert centred(0.233, 0.5) == pytest.approx(0.233)
