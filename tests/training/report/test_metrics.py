"""Error rates by hand-made numbers."""

from __future__ import annotations

import numpy as np
import pytest

from service.fitting import metrics


def test_auc_of_separated_mixed_and_tied_scores() -> None:
    fake = np.array([False, False, True, True])
    assert metrics.auc(np.array([0.1, 0.2, 0.3, 0.4]), fake) == 1.0
    assert metrics.auc(np.array([0.1, 0.3, 0.2, 0.4]), fake) == 0.75
    assert metrics.auc(np.full(4, 0.5), fake) == 0.5


def test_auc_needs_both_classes() -> None:
    assert np.isnan(metrics.auc(np.array([0.1, 0.2]), np.array([True, True])))


def test_error_rates_count_a_score_at_the_threshold_as_an_attack() -> None:
    scores = np.array([0.2, 0.5, 0.7, 0.9])
    assert metrics.apcer(scores, 0.5) == 0.25
    assert metrics.bpcer(scores, 0.5) == 0.75


def test_d_eer_is_the_overlap() -> None:
    scores = np.array([0.1, 0.2, 0.3, 0.6, 0.4, 0.7, 0.8, 0.9])
    fake = np.array([False] * 4 + [True] * 4)
    assert metrics.d_eer(scores, fake) == pytest.approx(0.25)


def test_threshold_keeps_the_promised_rate() -> None:
    genuine = np.random.default_rng(0).random(1000)
    threshold = metrics.threshold_at(genuine, 0.05, np.ones(1000))
    assert threshold is not None
    assert metrics.bpcer(genuine, threshold) == pytest.approx(0.05)


def test_threshold_weighs_sources() -> None:
    """A small source of high scores counts as much as the large one of low scores."""
    genuine = np.r_[np.linspace(0, 0.5, 900), np.linspace(0.5, 1, 100)]
    weights = np.r_[np.full(900, 1 / 900), np.full(100, 1 / 100)]
    threshold = metrics.threshold_at(genuine, 0.1, weights)
    assert threshold == pytest.approx(0.9, abs=0.02)


def test_no_threshold_from_too_few_images() -> None:
    assert metrics.threshold_at(np.random.default_rng(0).random(500), 0.01, np.ones(500)) is None


def test_the_default_threshold_needs_two_hundred_genuine_images() -> None:
    assert metrics.default_is_statable(200)
    assert not metrics.default_is_statable(199)


@pytest.mark.parametrize("size", [0.01, 1.0, 50.0])
def test_platt_finds_the_line_that_made_the_labels(size: float) -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 3, 40_000)
    fake = rng.random(40_000) < metrics.sigmoid(0.7 * logits - 1.2)
    slope, intercept = metrics.platt(logits * size, fake, np.ones(40_000))
    assert slope * size == pytest.approx(0.7, abs=0.03)
    assert intercept == pytest.approx(-1.2, abs=0.05)


def test_balanced_weights() -> None:
    fake = np.array([True, False, False, False])
    source = np.array(["a", "a", "b", "b"])
    assert metrics.balanced(fake, source) == pytest.approx([0.5, 0.25, 0.125, 0.125])


def test_ece_and_brier() -> None:
    fake, sure = np.array([False, True]), np.array([0.0, 1.0])
    assert metrics.ece(sure, fake, np.ones(2)) == 0.0
    assert metrics.brier(1 - sure, fake, np.ones(2)) == 1.0
    assert metrics.ece(np.array([0.9, 0.9]), fake, np.ones(2)) == pytest.approx(0.4)


def test_interval_holds_the_value_and_shrinks_with_more_groups() -> None:
    values = np.random.default_rng(0).random(400)

    def width(count: int) -> float:
        found = metrics.interval(lambda rows: float(values[rows].mean()), np.arange(400) % count)
        assert found["low"] < found["value"] < found["high"]  # type: ignore[operator]
        return found["high"] - found["low"]  # type: ignore[operator]

    assert width(400) < 0.08
    assert metrics.interval(lambda _: float("nan"), np.arange(3))["value"] is None


def test_interval_resamples_whole_groups() -> None:
    """Ten copies of one image are one group, not ten images."""
    values = np.repeat([0.0, 1.0, 0.0, 1.0], 100)
    copies = metrics.interval(lambda r: float(values[r].mean()), np.repeat(np.arange(4), 100))
    apart = metrics.interval(lambda r: float(values[r].mean()), np.arange(400))
    assert copies["high"] - copies["low"] > 5 * (apart["high"] - apart["low"])  # type: ignore[operator]
