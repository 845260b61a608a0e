"""Scores that are kept, the numbers of the plots, and the plots."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from training.report import curves
from training.report.measure.scoring import Scores, load_scores, save_scores

PNG = b"\x89PNG\r\n\x1a\n"


def scores_of(genuine: float, attacks: float, count: int = 200) -> Scores:
    """Log-odds around these; of every fourth genuine face nothing was found."""
    rng, fake = np.random.default_rng(0), np.arange(2 * count) >= count
    logit = rng.normal(0, 1, 2 * count) + np.where(fake, attacks, genuine)
    logit[:count:4] = np.nan
    source = np.where(fake, np.where(np.arange(2 * count) % 2, "swap", "gan"), "cam")
    return Scores(logit, np.full(2 * count, 90.0), fake, source, np.arange(2 * count).astype(str))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model folder and, in the same folder, the scores of its evaluation."""
    manifest = {
        "name": "mine", "version": "1.0.0", "kind": "detector", "sha256": "0" * 64,
        "operating_points": [{"bpcer": 0.05, "threshold": 0.6}], "default_bpcer": 0.05,
    }  # fmt: skip
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    figures = {"calibration": {"slope": 2.0, "intercept": 0.5}}
    (tmp_path / "metrics.json").write_text(json.dumps(figures))
    parts = {
        "test": scores_of(-1, 1),
        "quality_20": scores_of(-1, 0),
        "quality_95": scores_of(-1, 1),
    }
    save_scores(tmp_path, manifest, parts)
    return tmp_path


@pytest.fixture
def evaluation(model: Path) -> curves.Evaluation:
    return curves.Evaluation(model, model)


def test_scores_come_back_as_they_were(model: Path) -> None:
    kept = load_scores(model, json.loads((model / "manifest.json").read_text()))
    assert list(kept) == ["test", "quality_20", "quality_95"]
    for name, values in vars(scores_of(-1, 0)).items():
        np.testing.assert_array_equal(getattr(kept["quality_20"], name), values)


@pytest.mark.parametrize("changes", [{"sha256": "1" * 64}, {"tuned": {"sha256": "2" * 64}}])
def test_scores_of_another_model_are_refused(model: Path, changes: dict[str, object]) -> None:
    manifest = json.loads((model / "manifest.json").read_text())
    with pytest.raises(ValueError, match="scores of another model"):
        load_scores(model, manifest | changes)


def test_an_evaluation_is_of_the_faces_found(evaluation: curves.Evaluation) -> None:
    assert len(evaluation.test.logit) == 350
    assert evaluation.species == ["gan", "swap"]
    assert list(evaluation.qualities) == [20, 95]


def test_probabilities_are_calibrated(evaluation: curves.Evaluation) -> None:
    logit = evaluation.test.logit
    expected = 1 / (1 + np.exp(-(2 * logit + 0.5)))
    np.testing.assert_allclose(evaluation.probability(evaluation.test), expected)


def test_det_curve_of_hand_made_scores() -> None:
    alarms, missed = curves.det_curve(np.array([0.1, 0.4]), np.array([0.3, 0.6]))
    np.testing.assert_allclose(alarms, [1.0, 0.5, 0.5, 0.0])
    np.testing.assert_allclose(missed, [0.0, 0.0, 0.5, 0.5])


def test_rates_at_the_default_threshold(evaluation: curves.Evaluation) -> None:
    """0.6 = sigmoid(2 x + 0.5) lies at x = -0.047."""
    some = evaluation.qualities[20]
    x = (np.log(0.6 / 0.4) - 0.5) / 2
    swap = some.logit[some.fake & (some.source == "swap")]
    genuine = some.logit[~some.fake]
    assert curves.rate_of(evaluation, some, "swap")["value"] == (swap < x).mean()
    found = curves.rate_of(evaluation, some, None)
    assert found["value"] == pytest.approx((genuine >= x).mean(), abs=1e-4)
    assert found["low"] < found["value"] < found["high"]  # type: ignore[operator]


def test_weak_compression_hides_less(evaluation: curves.Evaluation) -> None:
    rates = {q: curves.rate_of(evaluation, s, "gan") for q, s in evaluation.qualities.items()}
    assert rates[20]["value"] > rates[95]["value"]  # type: ignore[operator]


def test_reliability_bins() -> None:
    p, fake = np.array([0.05, 0.05, 0.95, 1.0]), np.array([False, True, True, True])
    said, found, share = curves.reliability_bins(p, fake, np.array([3.0, 1.0, 1.0, 1.0]))
    np.testing.assert_allclose(said, [0.05, 0.975])
    np.testing.assert_allclose(found, [0.25, 1.0])
    np.testing.assert_allclose(share, [4 / 6, 2 / 6])


def test_four_plots_the_same_for_the_same_scores(model: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from training.report.plots import write_plots

    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    first, second = (write_plots(model, model, folder) for folder in folders)
    kinds = {path.stem.rpartition("-")[2] for path in first}
    assert kinds == {"det", "scores", "quality", "reliability"}
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()
        assert one.read_bytes().startswith(PNG)
    assert len({path.read_bytes() for path in first}) == 4


def test_the_plots_name_the_model(evaluation: curves.Evaluation) -> None:
    pytest.importorskip("matplotlib")
    from training.report import plots

    axes = plots.det(evaluation).axes[0]
    assert axes.get_title() == "mine 1.0.0: DET curve, test split"
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ["gan, n=100", "swap, n=100"]
    assert len(plots.histograms(evaluation).axes) == 3
