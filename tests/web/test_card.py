"""What the pages read from a model card: its scores and DET curve, or that it holds none."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from service.analysis.decision.rules import log_odds, sigmoid
from service.store import open_for_command
from service.store.search import Point
from service.store.sqlite.store import SqliteStore
from service.web import reference
from service.web.card import deciding, measured, on_card
from service.web.det import curve, place
from service.web.reference import counted, moved, word
from tests.live import Live, steady_models
from tests.web.browser import opened
from tests.web.conftest import client, seat_people, sit
from tests.web.seeds import a_point, fill


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """The console over 200 results, and a model whose card holds neither scores nor a DET curve."""
    folder = tmp_path_factory.mktemp("older")
    models = steady_models(folder / "models", 0.233)
    for file in models.glob("*/metrics.json"):
        figures = json.loads(file.read_text())
        for name in ("det", "scores"):
            figures.get("test", {}).pop(name, None)
        file.write_text(json.dumps(figures))
    with Live(folder, models_dir=models, login_attempts=1000) as live:
        seat_people(live)
        store = open_for_command(live.settings)
        fill(store, 200)
        store.close()
        yield live


def test_a_card_without_scores_or_curve_says_so(browser: Browser, older: Live) -> None:
    with opened(browser, older.base) as page:
        sit(page, older, "administrator")
        page.goto("/console/operations/")
        expect(page.locator("main")).to_contain_text("The card of these models holds no scores")
        page.goto("/console/operating-point/")
        expect(page.locator("main")).to_contain_text("no whole curve")
        expect(page.locator("svg.chart .line")).to_have_count(1)


def test_results_of_other_models_are_not_compared_with_the_card(thousands: Live) -> None:
    answer = client(thousands, "viewer").get(f"{thousands.base}/console/operations/now")
    assert "None of these results is of the models in force" in answer.text


def test_a_threshold_between_two_lies_between_their_rates() -> None:
    det = {"threshold": [0.0, 0.4, 0.6, 1.0], "bpcer": [1, 0.3, 0.1, 0], "apcer": [0, 0.2, 0.4, 1]}
    found = curve({"det": det, "operating_points": [{"threshold": 0.6}]}, 0.5)
    assert found is not None
    assert (found.here.bpcer, found.here.apcer) == pytest.approx((0.2, 0.3))
    assert [(one.bpcer, one.apcer) for one in found.spots] == [(0.1, 0.4)]
    places = [place(one) for one in (0.0, 0.001, 0.01, 0.5, 0.99, 1.0)]
    assert (places[0], places[-1], places[1:-1]) == (0, 320, sorted({*places[1:-1]}))


@pytest.mark.parametrize(
    "det",
    [None, [], {"threshold": [0.5]}, {n: ["a", "b"] for n in ("threshold", "bpcer", "apcer")}],
)
def test_a_curve_of_another_shape_is_none(det: object) -> None:
    assert curve({"det": det, "operating_points": []}, 0.5) is None


@pytest.mark.parametrize("scores", [None, {}, {"genuine": [1.0] * 3}, {"genuine": ["1"] * 20}])
def test_scores_of_another_shape_are_none(scores: object) -> None:
    assert reference.genuine({"scores": scores}) is None


def test_an_own_calibration_is_taken_out_before_the_card_is_asked() -> None:
    assert on_card({"calibration": None})(0.3) == 0.3
    calibration = {"slope": 2.0, "intercept": 1.0}
    assert on_card({"calibration": calibration})(sigmoid(2 * log_odds(0.3) + 1)) == pytest.approx(
        0.3
    )


def test_of_several_detectors_none_gives_the_probability_alone(tmp_path: Path) -> None:
    one = {"metrics": {"test": {"scores": {}}}}
    assert deciding({"fusion": {}, "detectors": [one]}, tmp_path) == {"scores": {}}
    assert deciding({"fusion": {}, "detectors": [one, one]}, tmp_path) == {}
    assert deciding({"fusion": {}, "detectors": [{"metrics": None}]}, tmp_path) == {}


def test_scores_are_compared_with_an_operators_own_first_ones(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "facegate.db")
    early = [a_point(0.1, age) for age in range(1200)]
    first = reference.reference
    assert first(store, []) is first(store, early[:999]) is None
    other = [replace(a_point(0.9), fingerprint="before")] * 500
    known = first(store, early[:1000] + other)
    assert known is not None
    assert (sum(known.counts), known.counts[2], known.until) == (1000, 1000, 1e9)
    later = [a_point(0.9)] * 300 + early
    assert first(store, later) == known  # it stays as it was counted first
    store.close()

    def said(points: list[Point]) -> str:
        return word(moved(counted(points), known.counts), len(points))

    assert said(early) == "same"
    assert said(early[:288] + [a_point(0.3)] * 12) == "some"
    assert said(later) == "far"
    assert said(later[:150]) == "few"


def test_a_detector_with_figures_of_another_shape_is_left_out_of_the_card(tmp_path: Path) -> None:
    fusion = {"fusion": {"manifest": None}}
    for metrics in (None, {"auc": 0.9}, {"test": 0.9}, {"test": {"auc": {"value": 1.0}}}):
        detector = {"name": "own", "version": "1", "metrics": metrics}
        assert measured(fusion | {"detectors": [detector]}, tmp_path, 0.05) == []
