"""Short figures of one slice of the data."""

from __future__ import annotations

from typing import Any

import numpy as np

from service.fitting import metrics
from training.report.measure.scoring import Scores


def by_slice(
    probability: np.ndarray, scores: Scores, threshold: float, name: str, value: object
) -> dict[str, Any]:
    """AUC, APCER and BPCER of all that is given, which `name` and `value` describe."""
    fake = scores.fake
    return {
        name: value, "images": len(fake), "attacks": int(fake.sum()),
        "auc": metrics.interval(lambda r: metrics.auc(probability[r], fake[r]), scores.group),
        "apcer": metrics.interval(
            lambda r: metrics.apcer(probability[r][fake[r]], threshold), scores.group),
        "bpcer": metrics.interval(
            lambda r: metrics.bpcer(probability[r][~fake[r]], threshold), scores.group),
    }  # fmt: skip
