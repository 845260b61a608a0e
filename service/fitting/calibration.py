"""Threshold and scale of the probabilities, fitted to scored images."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import numpy as np

from service import __version__
from service.analysis.decision.calibration import FittedFor, Images, Interval, LocalCalibration
from service.analysis.decision.rules import log_odds
from service.errors import StartupError
from service.fitting import metrics, report_metrics
from service.fitting.dataset import Judging, Scored
from service.repository.manifest import OperatingPoint

CURVE = (0.001, 0.01, 0.02, 0.05, 0.1)  # BPCER that FACEGATE_BPCER may name afterwards
FEWEST_ATTACKS = 50  # below that, two numbers fitted to them say more about these than about others


def fit(analyzer: Judging, scored: Scored, rate: float, of: str = "images") -> LocalCalibration:
    """The calibration of these scores for a BPCER of `rate`; of: what was scored.

    Raises StartupError.
    """
    seen = scored.where(scored.has_score)
    genuine, attacks = int((~seen.fake).sum()), int(seen.fake.sum())
    enough(genuine, rate, of)
    slope, intercept = platt(seen) if seen.fake.any() else (1.0, 0.0)
    p = metrics.sigmoid(slope * _log_odds(seen)[~seen.fake] + intercept)
    points = _points(p, rate)
    interval = metrics.proportion(int((p >= points[rate]).sum()), genuine)
    return LocalCalibration(
        made_at=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        service=__version__,
        fitted_for=_fitted_for(analyzer),
        images=Images(
            genuine=genuine, attacks=attacks, without_answer=int((~scored.has_score).sum())
        ),
        bpcer=rate,
        bpcer_interval=Interval.model_validate(interval),
        slope=slope,
        intercept=intercept,
        operating_points=tuple(
            OperatingPoint(bpcer=rate, threshold=threshold) for rate, threshold in points.items()
        ),
    )


def _points(genuine: np.ndarray, rate: float) -> dict[float, float]:
    """Thresholds by BPCER, that of `rate` among them. Raises StartupError."""
    points = report_metrics.thresholds(genuine, {*CURVE, rate})
    if rate not in points:
        raise StartupError(
            "Too many of these images have the same score, so no threshold keeps that rate.",
            "Leave out copies; `facegate detect` shows the scores.",
        )
    return points


def _fitted_for(analyzer: Judging) -> FittedFor:
    policy = analyzer.policy
    models = tuple(f"{model.name} {model.version}" for model in analyzer.models)
    return FittedFor(identity=policy.identity, models=models, fusion=policy.fusion.name)


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


def enough(genuine: int, rate: float, of: str = "images") -> None:
    """Raises StartupError where so few genuine images cannot state a BPCER of `rate`."""
    if genuine * rate < metrics.FEWEST:
        raise StartupError(
            f"{genuine} genuine {of} are too few to state a BPCER of {rate:g}: "
            f"{math.ceil(metrics.FEWEST / rate):,} are needed.",
            f"Add {of}, or accept a higher rate with --bpcer.",
        )
