"""Error rates and calibration; the service reports by the same ones, so they live there."""

from service.analysis.rates import (
    BINS,
    DEFAULT_RATE,
    FEWEST,
    apcer,
    auc,
    balanced,
    bpcer,
    brier,
    d_eer,
    default_is_statable,
    ece,
    interval,
    platt,
    proportion,
    sigmoid,
    threshold_at,
)

__all__ = [
    "BINS",
    "DEFAULT_RATE",
    "FEWEST",
    "apcer",
    "auc",
    "balanced",
    "bpcer",
    "brier",
    "d_eer",
    "default_is_statable",
    "ece",
    "interval",
    "platt",
    "proportion",
    "sigmoid",
    "threshold_at",
]
