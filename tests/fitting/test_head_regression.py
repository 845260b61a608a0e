"""Another head: where it ends up, what draws it back, and that it learns from what it should."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from service.fitting.head_regression import STRENGTHS, LinearHead, Sample, fit, refit
from service.fitting.metrics import auc, balanced, sigmoid

SHIPPED = LinearHead(np.float32([1, 0, 0, 0]), -0.5)


def drawn(count: int, weight: Any, *, seed: int = 0, people: int | None = None) -> Sample:
    """Images whose truth is drawn by the logit that this weight gives."""
    rng = np.random.default_rng(seed)
    features = rng.normal(0, 1, (count, 4)).astype(np.float32)
    fake = rng.random(count) < sigmoid(features @ np.float32(weight))
    unit = rng.integers(people, size=count) if people else np.arange(count)
    return Sample(features, fake, np.where(fake, "swap", "cam"), unit.astype(str))


def test_the_truth_is_found() -> None:
    head = fit(drawn(20_000, [0, 2, -1, 0]), SHIPPED, 1e-6)
    assert head.weight == pytest.approx([0, 2, -1, 0], abs=0.15)
    assert head.weight.dtype == np.float32


def test_it_is_where_the_slope_of_the_loss_is_zero() -> None:
    """Of the loss as the docstring states it, written down once more."""
    sample, ridge = drawn(500, [0, 1, 1, 0]), 0.01
    head = fit(sample, SHIPPED, ridge)
    weights = balanced(sample.fake, sample.source)
    slope = weights * (sigmoid(head.logits(sample.features)) - sample.fake)
    pull = 2 * ridge * (head.weight - SHIPPED.weight)
    assert sample.features.T @ slope + pull == pytest.approx(np.zeros(4), abs=1e-3)
    assert slope.sum() == pytest.approx(0, abs=1e-3)


def test_a_strong_ridge_keeps_the_shipped_weight() -> None:
    head = fit(drawn(500, [0, 2, 0, 0]), SHIPPED, 1e6)
    assert head.weight == pytest.approx(SHIPPED.weight, abs=1e-4)


def test_the_start_does_not_matter() -> None:
    sample = drawn(500, [0, 2, -1, 0])
    far = LinearHead(np.float32([30, -30, 30, -30]), 20.0)
    one, other = fit(sample, SHIPPED, 0.01), fit(sample, SHIPPED, 0.01, far)
    assert other.weight == pytest.approx(one.weight, abs=0.02)


def test_classes_without_overlap_have_a_finite_head() -> None:
    sample = drawn(200, [50, 0, 0, 0])
    head = fit(sample, SHIPPED, 1e-3)
    assert auc(head.logits(sample.features), sample.fake) > 0.99
    assert np.abs(head.weight).max() < 100


def test_every_species_counts_the_same() -> None:
    """One that shows in the second feature, of a few images, beside one of many in the third."""
    rng = np.random.default_rng(0)
    features = rng.normal(0, 1, (2100, 4)).astype(np.float32)
    fake = np.arange(2100) >= 1000
    source = np.select([~fake, np.arange(2100) < 2050], ["cam", "many"], "few")
    features[source == "many", 2] += 2
    features[source == "few", 1] += 2
    head = fit(Sample(features, fake, source, np.arange(2100)), LinearHead(np.zeros(4), 0.0), 1e-4)
    assert head.weight[1] == pytest.approx(head.weight[2], rel=0.3)


def test_a_better_head_is_found_with_few_images() -> None:
    sample, others = drawn(150, [1, 2, 0, 0], people=60), drawn(5000, [1, 2, 0, 0], seed=1)
    head, ridge = refit(sample, SHIPPED)
    before, after = (auc(one.logits(others.features), others.fake) for one in (SHIPPED, head))
    assert after > before + 0.08
    assert ridge > 0


def test_where_there_is_nothing_to_learn_it_stays() -> None:
    """The labels are noise, so only the strongest ridge does no harm to people left out."""
    rng = np.random.default_rng(0)
    sample = drawn(120, [0, 0, 0, 0], people=40)
    wide = Sample(
        rng.normal(0, 1, (120, 60)).astype(np.float32), sample.fake, sample.source, sample.unit
    )
    _, ridge = refit(wide, LinearHead(np.zeros(60, np.float32), 0.0))
    assert ridge == pytest.approx(STRENGTHS[0], rel=0.2)


def test_the_ridge_is_chosen_by_people_left_out() -> None:
    """Each person's images are copies that carry his name: what is learned by it helps nobody."""
    rng = np.random.default_rng(0)
    people = np.repeat(np.arange(30), 20)
    names = np.eye(30, dtype=np.float32)[people] * 3
    fake = people % 2 == 1
    noise = rng.normal(0, 0.1, (600, 30)).astype(np.float32)
    source, shipped = np.where(fake, "swap", "cam"), LinearHead(np.zeros(30, np.float32), 0.0)
    by_person = refit(Sample(names + noise, fake, source, people.astype(str)), shipped)[1]
    by_image = refit(Sample(names + noise, fake, source, np.arange(600).astype(str)), shipped)[1]
    assert by_image < by_person


def test_one_person_alone_leaves_the_strongest_ridge() -> None:
    sample = drawn(100, [1, 0, 0, 0], people=1)
    _, ridge = refit(sample, SHIPPED)
    assert ridge == pytest.approx(STRENGTHS[0], rel=0.5)
