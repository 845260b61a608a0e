"""The head finds what sources share and passes over what tells them apart."""

from __future__ import annotations

import numpy as np
import pytest

from training.presentation import left_out
from training.presentation.head import Standard, ViewFeatures, fit, moments, parts_of
from training.presentation.left_out import LeftOut

SIZE, PER_KIND = 8, 30
SIGNAL, NUISANCE = 0, 1


def made(sources: int = 8, shift: float = 6.0) -> ViewFeatures:
    """An attack adds 2 to the first feature; a source adds anything to the second, and most of
    the sources with more attacks in them more."""
    rng = np.random.default_rng(0)
    features, source, kind = [], [], []
    for number in range(sources):
        offset = rng.normal(0, shift)
        for name, step in (("live", 0.0), ("attack", 2.0), ("simulated", 1.0)):
            some = rng.normal(0, 1, (PER_KIND, SIZE))
            some[:, SIGNAL] += step
            some[:, NUISANCE] += offset + step  # goes along with attacks, and with the room
            features.append(some)
            source += [f"room {number}"] * PER_KIND
            kind += [name] * PER_KIND
    return ViewFeatures(np.concatenate(features), np.array(source), np.array(kind))


def test_what_changes_from_source_to_source_counts_little() -> None:
    views, parts = made(), parts_of([SIZE])
    standard = Standard.of(views.features)
    known = moments(ViewFeatures(standard(views.features), views.source, views.kind), parts)
    weight = fit(known, parts) / standard.spread
    assert weight[SIGNAL] > 5 * abs(weight[NUISANCE])


def test_a_source_left_out_is_told_apart_all_the_same() -> None:
    views = made()
    known, tested = vars(views), views.kind != "simulated"
    logit = left_out.logits(known, "features", tested, parts_of([SIZE]))
    kind = views.kind[tested]
    judged = LeftOut(logit, kind == "attack", views.source[tested], kind)
    assert left_out.auc(judged) > 0.85


def test_each_part_counts_the_same() -> None:
    views, parts = made(), parts_of([4, 4])
    loud = ViewFeatures(
        views.features * np.r_[np.ones(4), np.full(4, 50.0)], views.source, views.kind
    )
    weights = []
    for one in (views, loud):
        standard = Standard.of(one.features)
        known = moments(ViewFeatures(standard(one.features), one.source, one.kind), parts)
        weights.append(fit(known, parts))
    assert np.allclose(weights[0], weights[1], atol=0.05)


def test_the_largest_source_does_not_speak_for_all() -> None:
    source = np.array(["large"] * 400 + ["small"] * 40)
    judged = LeftOut(np.zeros(440), np.zeros(440, bool), source, source)
    assert judged.weight[:400].sum() == judged.weight[400:].sum() == left_out.MOST


def test_the_threshold_keeps_its_rate() -> None:
    rng = np.random.default_rng(1)
    source = np.repeat(["a", "b"], 40)
    judged = LeftOut(rng.normal(0, 1, 80), np.zeros(80, bool), source, source)
    line = left_out.threshold(judged, 0.05)
    assert (judged.logit > line).mean() <= 0.05 < (judged.logit >= line).mean() + 0.02


def test_figures_by_source_and_instrument() -> None:
    logit = np.array([0.0, 2.0, 3.0, 0.5, 4.0])
    attack = np.array([False, False, True, True, True])
    species = np.array(["live", "live", "replay", "print", "replay"])
    judged = LeftOut(logit, attack, np.array(["x"] * 5), species)
    assert left_out.by_source(judged, 1.0)["camera 1"] == pytest.approx(
        {"attacks": 3, "live": 2, "auc": 5 / 6, "apcer": 1 / 3, "bpcer": 0.5}
    )
    found = left_out.by_species(judged, 1.0)
    assert {name: one["apcer"] for name, one in found.items()} == {"print": 1.0, "replay": 0.0}
