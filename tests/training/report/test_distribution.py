"""What a page draws of the scores of a test split: bins, and the errors of each threshold."""

from __future__ import annotations

import numpy as np

from tests.fitting.test_metrics import faces_of
from training.report.measure.distribution import det, histogram

FACES = faces_of(("phone", False, 90), ("web", False, 10), ("swap", True, 40), ("gan", True, 10))
P = np.concatenate([np.full(90, 0.01), np.full(10, 0.61), np.full(40, 1.0), np.full(10, 0.42)])


def test_sources_count_the_same_in_the_bins() -> None:
    found = histogram(P, FACES)
    assert (found["genuine"][0], found["genuine"][12], sum(found["genuine"])) == (50, 50, 100)
    assert (found["attacks"][19], found["attacks"][8], sum(found["attacks"])) == (25, 25, 50)


def test_the_curve_goes_from_one_corner_to_the_other_over_the_named_thresholds() -> None:
    found = det(P, FACES, [0.5])
    rows = {at: errors for at, *errors in zip(*found.values(), strict=True)}
    assert rows[0.0] == [1.0, 0.0]
    assert rows[0.5] == [0.5, 0.5]  # of two sources one is refused, of two species one missed
    assert rows[1.0] == [0.0, 0.5]  # at the threshold is an attack
    assert rows[1.00001] == [0.0, 1.0]
    assert found["threshold"] == sorted(rows)


def test_of_many_scores_few_thresholds_are_kept_and_the_curve_stays_true() -> None:
    draw = np.random.default_rng(0)
    faces = faces_of(("phone", False, 3000), ("swap", True, 3000))
    p = np.concatenate([draw.beta(1, 6, 3000), draw.beta(6, 1, 3000)])
    found = det(p, faces, [0.3, 0.77777])
    assert {0.3, 0.77777} < {*found["threshold"]}
    assert 40 < len(found["threshold"]) < 100
    for at, bpcer, apcer in zip(*found.values(), strict=True):
        assert abs(bpcer - (p[:3000] >= at).mean()) < 1e-4
        assert abs(apcer - (p[3000:] < at).mean()) < 1e-4
    assert max(np.diff(found["apcer"])) < 0.2


def test_one_class_alone_breaks_nothing() -> None:
    faces = faces_of(("phone", False, 5))
    p = np.linspace(0, 1, 5)
    assert sum(histogram(p, faces)["attacks"]) == 0
    assert set(det(p, faces, [])["apcer"]) == {0.0}
