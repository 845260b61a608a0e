"""Thresholds on ties, intervals of groups and of proportions, figures of a report."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from service.fitting import metrics, report_metrics


@dataclass(frozen=True)
class Faces:
    fake: np.ndarray
    source: np.ndarray
    group: np.ndarray


def faces_of(*kinds: tuple[str, bool, int]) -> Faces:
    """(source, fake, how many)."""
    fake = np.concatenate([np.full(count, fake) for _, fake, count in kinds])
    source = np.concatenate([np.full(count, name) for name, _, count in kinds])
    return Faces(fake, source, np.arange(len(fake)))


def threshold_at(genuine: np.ndarray, rate: float) -> float | None:
    return metrics.threshold_at(genuine, rate, np.ones(len(genuine)))


def test_equal_scores_cannot_be_told_apart() -> None:
    assert threshold_at(np.full(1000, 0.3), 0.05) is None


def test_a_tie_at_the_threshold_is_let_through() -> None:
    """80 of 1,000 share the score at the limit: none of them, or more than 5 % are called."""
    genuine = np.concatenate([np.full(30, 0.9), np.full(80, 0.6), np.linspace(0, 0.5, 890)])
    threshold = threshold_at(genuine, 0.05)
    assert threshold == pytest.approx(0.75)
    assert metrics.bpcer(genuine, threshold) == pytest.approx(0.03)


def test_neighbouring_floats_keep_the_promise() -> None:
    high = np.nextafter(0.5, 1)
    genuine = np.concatenate([np.full(50, high), np.full(950, 0.5)])
    threshold = threshold_at(genuine, 0.05)
    assert threshold == high
    assert metrics.bpcer(genuine, threshold) == 0.05


def test_one_heavy_image_leaves_no_threshold() -> None:
    weights = np.ones(400)
    weights[0] = 100.0
    assert metrics.threshold_at(np.linspace(1, 0, 400), 0.05, weights) is None


def test_a_proportion_without_a_hit_has_an_upper_end() -> None:
    none, few = metrics.proportion(0, 100), metrics.proportion(5, 100)
    assert (none["value"], none["low"], none["high"]) == (0.0, 0.0, 0.037)
    assert (few["low"], few["high"]) == (0.0215, 0.1118)


def test_the_interval_of_groups_of_different_sizes() -> None:
    """One group of 100 ones among 100 single zeros: its share swings with how often it is drawn."""
    values = np.concatenate([np.ones(100), np.zeros(100)])
    groups = np.concatenate([np.zeros(100), np.arange(1, 101)])
    found = metrics.interval(lambda rows: float(values[rows].mean()), groups)
    assert (found["value"], found["low"]) == (0.5, 0.0)
    assert found["high"] == pytest.approx(0.75, abs=0.05)


def test_an_interval_of_nothing() -> None:
    nothing = metrics.interval(lambda rows: float("nan") if not len(rows) else 1.0, np.array([]))
    assert nothing == {"value": None, "low": None, "high": None}


def test_species_and_sources_are_told_apart() -> None:
    faces = faces_of(("cam", False, 100), ("swap", True, 50), ("gan", True, 50))
    p = np.concatenate([np.full(90, 0.1), np.full(10, 0.8), np.full(50, 0.9), np.full(50, 0.2)])
    point = report_metrics.at_point(p, faces, {"threshold": 0.5})
    missed = {name: entry["value"] for name, entry in point["apcer_by_species"].items()}
    assert missed == {"swap": 0.0, "gan": 1.0}
    assert (point["apcer_worst_species"], point["apcer_mean"]) == ("gan", 0.5)
    assert point["bpcer_by_source"]["cam"]["value"] == point["bpcer_pooled"]["value"] == 0.1
    assert point["bpcer_by_source"]["cam"]["images"] == 100


def test_a_species_may_be_named_like_a_source() -> None:
    faces = faces_of(("dfdc", False, 20), ("dfdc", True, 20), ("other", True, 20))
    p = np.concatenate([np.full(20, 0.5), np.full(20, 0.9), np.full(20, 0.1)])
    found = report_metrics.auc_by_species(p, faces)
    assert {name: figure["value"] for name, figure in found.items()} == {"dfdc": 1.0, "other": 0.0}


@pytest.mark.parametrize("fake", [True, False])
def test_one_class_alone_has_no_figure_of_two(fake: bool) -> None:
    faces, p = faces_of(("some", fake, 30)), np.linspace(0, 1, 30)
    assert {figure["value"] for figure in report_metrics.overall(p, faces).values()} == {None}
    point = report_metrics.at_point(p, faces, {"threshold": 0.5})
    assert (point["apcer_mean"] is None) == (not fake)
    assert (point["bpcer_pooled"]["value"] is None) == fake


def test_overall_of_perfect_and_of_useless_probabilities() -> None:
    faces = faces_of(("cam", False, 50), ("swap", True, 50))
    perfect = report_metrics.overall(faces.fake.astype(float), faces)
    values = {name: figure["value"] for name, figure in perfect.items()}
    assert values == {"auc": 1.0, "d_eer": 0.0, "ece": 0.0, "brier": 0.0}
    useless = report_metrics.overall(np.full(100, 0.9), faces)
    assert (useless["auc"]["value"], useless["ece"]["value"]) == (0.5, 0.4)


def test_thresholds_only_for_rates_that_can_be_stated() -> None:
    found = report_metrics.thresholds(np.linspace(0, 1, 250), (0.1, 0.01, 0.05))
    assert list(found) == [0.05, 0.1]
    assert found[0.05] > found[0.1]
