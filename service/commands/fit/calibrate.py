"""`facegate calibrate`: threshold and probabilities fitted to the operator's own images."""

from __future__ import annotations

import math
import os
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from service import __version__
from service.analysis.decision.calibration import FittedFor, Images, Interval, LocalCalibration
from service.analysis.decision.rules import log_odds
from service.analysis.image import Analyzer
from service.errors import StartupError
from service.fitting import metrics, report_metrics
from service.fitting.dataset import Scored, genuine_or_labelled, score
from service.repository.manifest import OperatingPoint
from service.runtime.console import note
from service.settings import Settings, load_settings

CURVE = (0.001, 0.01, 0.02, 0.05, 0.1)  # BPCER that FACEGATE_BPCER may name afterwards
FEWEST_ATTACKS = 50  # below that, two numbers fitted to them say more about these than about others


def calibrate(folder: Path, bpcer: float | None, *, force: bool) -> None:
    """Write the calibration and say what it does. Raises StartupError when it cannot be stated."""
    settings = load_settings()
    path, rate = settings.data_dir / "calibration.json", bpcer or settings.bpcer
    if path.exists() and not force:
        raise StartupError(f"There is a calibration already: {path}.", "Replace it with --force.")
    images = genuine_or_labelled(folder)
    _enough(sum(not image.fake for image in images), rate)
    analyzer = Analyzer.load(settings, calibrated=False)
    if analyzer.ruling.fusion.name == "voting":
        raise StartupError("Votes cannot be calibrated.", "Set FACEGATE_FUSION to another fusion.")
    scored = score(analyzer, settings, images)
    calibration = fit(analyzer, scored, rate)
    write(path, calibration)
    tell(path, calibration, analyzer, scored)
    warn_of_setting(settings, path)


def remove() -> None:
    """Delete the calibration in the data folder, where there is one."""
    settings = load_settings()
    path = settings.data_dir / "calibration.json"
    if path.exists():
        path.unlink()
        print(f"Removed {path}. Restart the service: the models' own threshold counts again.")
    else:
        print(f"There is no calibration in {settings.data_dir}.")
    warn_of_setting(settings, path)


def fit(analyzer: Analyzer, scored: Scored, rate: float) -> LocalCalibration:
    """The calibration of these scores for a BPCER of `rate`. Raises StartupError."""
    seen = scored.where(scored.judged)
    genuine, attacks = int((~seen.fake).sum()), int(seen.fake.sum())
    _enough(genuine, rate)
    slope, intercept = platt(seen) if seen.fake.any() else (1.0, 0.0)
    p = metrics.sigmoid(slope * _log_odds(seen)[~seen.fake] + intercept)
    points = report_metrics.thresholds(p, {*CURVE, rate})
    if rate not in points:
        raise StartupError(
            "Too many of these images have the same score, so no threshold keeps that rate.",
            "Leave out copies; `facegate detect` shows the scores.",
        )
    interval = metrics.proportion(int((p >= points[rate]).sum()), genuine)
    models = tuple(f"{model.name} {model.version}" for model in analyzer.models)
    return LocalCalibration(
        made_at=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        service=__version__,
        fitted_for=FittedFor(
            identity=analyzer.ruling.identity, models=models, fusion=analyzer.ruling.fusion.name
        ),
        images=Images(genuine=genuine, attacks=attacks, without_answer=int((~scored.judged).sum())),
        bpcer=rate,
        bpcer_interval=Interval.model_validate(interval),
        slope=slope,
        intercept=intercept,
        operating_points=tuple(
            OperatingPoint(bpcer=rate, threshold=threshold) for rate, threshold in points.items()
        ),
    )


def platt(seen: Scored) -> tuple[float, float]:
    """(slope, intercept) by which both classes, and in a class every source, count the same.

    Platt's own smoothed targets keep the slope finite where the classes do not overlap.
    """
    attacks, genuine = int(seen.fake.sum()), int((~seen.fake).sum())
    if attacks < FEWEST_ATTACKS:
        raise StartupError(
            f"{attacks} attacks are too few to fit probabilities to: {FEWEST_ATTACKS} are needed.",
            "Add some to fake/, or name a folder of genuine images alone.",
        )
    targets = np.where(seen.fake, (attacks + 1) / (attacks + 2), 1 / (genuine + 2))
    weights = metrics.balanced(seen.fake, seen.source)
    slope, intercept = metrics.platt(_log_odds(seen), targets, weights)
    if not (math.isfinite(slope) and math.isfinite(intercept) and slope > 0):
        raise StartupError(
            "The models do not tell these attacks from genuine images, so there is no scale.",
            "Look at `facegate evaluate`; are real/ and fake/ the right way round?",
        )
    return slope, intercept


def _log_odds(seen: Scored) -> np.ndarray:
    return np.array([log_odds(p) for p in seen.probability])


def _enough(genuine: int, rate: float) -> None:
    if genuine * rate < metrics.FEWEST:
        raise StartupError(
            f"{genuine} genuine images are too few to state a BPCER of {rate:g}: "
            f"{math.ceil(metrics.FEWEST / rate):,} are needed.",
            "Add images, or accept a higher rate with --bpcer.",
        )


def write(path: Path, calibration: LocalCalibration) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(calibration.model_dump_json(indent=2) + "\n")
        os.replace(temporary, path)
    except OSError as error:
        raise StartupError(
            f"The calibration {path} cannot be written: {error.strerror}.",
            "Give this user the right to write there, or set FACEGATE_DATA_DIR.",
        ) from None


def tell(path: Path, calibration: LocalCalibration, analyzer: Analyzer, scored: Scored) -> None:
    genuine = scored.probability[scored.judged & ~scored.fake]
    before = metrics.bpcer(genuine, analyzer.ruling.fusion.threshold)
    low, high = calibration.bpcer_interval.low, calibration.bpcer_interval.high
    threshold = calibration.threshold(calibration.bpcer)
    print(f"Written: {path}. It counts from the next start of the service.")
    print(
        f"Threshold {threshold:.4f} stands for a BPCER of {calibration.bpcer:.2%}"
        f" (95 %: {low:.2%} to {high:.2%}), by {calibration.images.genuine:,} genuine images."
    )
    own = analyzer.ruling.fusion.threshold
    print(f"The models' own threshold, {own:.4f}, refuses {before:.2%} of them.")
    if calibration.images.attacks:
        print(
            f"Probabilities: slope {calibration.slope:.3f}, intercept {calibration.intercept:.3f},"
            f" by {calibration.images.attacks:,} attacks."
        )
    if calibration.images.without_answer:
        note(f"Images without an answer, left out: {calibration.images.without_answer}.")


def warn_of_setting(settings: Settings, path: Path) -> None:
    if settings.calibration is not None and settings.calibration.absolute() != path.absolute():
        note(f"FACEGATE_CALIBRATION is set, so {settings.calibration} counts, and not {path}.")
