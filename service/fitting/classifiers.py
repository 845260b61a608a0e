"""The eight classifiers that a fusion may be, fitted on detectors' log-odds and written as ONNX.

They come with the extra `ensemble`; what serves them needs ONNX Runtime alone.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from service.errors import StartupError
from service.fitting.cross_validation import Scorer, Table
from service.fitting.metrics import balanced
from service.repository.fusion_manifest import INPUT

Params = dict[str, Any]
Range = tuple[float, float]  # of floats on a logarithmic scale, of integers evenly
MOST = 4000  # images that an SVM or k-NN learns from: both get slower with each of them
OPSET = {"": 17, "ai.onnx.ml": 3}
SEED: Params = {"random_state": 0}


@dataclass(frozen=True)
class Kind:
    """One classifier: `make` takes one of the parameters of `grid`, or such as `space` spans."""

    name: str
    make: Callable[..., Any]
    grid: tuple[Params, ...]
    space: dict[str, Range]
    most: int | None = None  # images to learn from
    weighted: bool = True  # whether it takes weights of images
    options: Params = field(default_factory=dict)  # of the conversion


def _logistic(**params: Any) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(**params)


def _forest(**params: Any) -> Any:
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(n_estimators=60, n_jobs=1, **SEED, **params)


def _boosting(**params: Any) -> Any:
    from sklearn.ensemble import GradientBoostingClassifier

    return GradientBoostingClassifier(subsample=0.7, **SEED, **params)


def _svm(**params: Any) -> Any:
    """Its decision value, and a sigmoid that makes a probability of it."""
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.svm import SVC

    return CalibratedClassifierCV(SVC(**SEED, **params), ensemble=False, cv=3)


def _neighbours(**params: Any) -> Any:
    from sklearn.neighbors import KNeighborsClassifier

    return KNeighborsClassifier(**params)


def _bayes(**params: Any) -> Any:
    from sklearn.naive_bayes import GaussianNB

    return GaussianNB(**params)


def _xgboost(**params: Any) -> Any:
    from xgboost import XGBClassifier

    return XGBClassifier(n_jobs=1, **SEED, **params)


def _lightgbm(**params: Any) -> Any:
    from lightgbm import LGBMClassifier

    return LGBMClassifier(n_jobs=1, verbose=-1, deterministic=True, **SEED, **params)


TREES = ({"n_estimators": 30, "max_depth": 2}, {"n_estimators": 80, "max_depth": 3})
GROWING: dict[str, Range] = {
    "n_estimators": (10, 200),
    "max_depth": (1, 5),
    "learning_rate": (0.02, 0.3),
}
KINDS = (
    Kind("logistic-regression", _logistic, ({"C": 0.01}, {"C": 1.0}), {"C": (1e-4, 1e2)}),
    Kind(
        "random-forest",
        _forest,
        ({"max_depth": 3}, {"max_depth": 6, "min_samples_leaf": 10}),
        {"max_depth": (2, 10), "min_samples_leaf": (1, 50)},
    ),
    Kind("gradient-boosting", _boosting, TREES, GROWING),
    Kind(
        "svm", _svm, ({"C": 0.1}, {"C": 1.0}), {"C": (1e-2, 1e2), "gamma": (1e-3, 1.0)}, most=MOST
    ),
    Kind(
        "k-nn",
        _neighbours,
        ({"n_neighbors": 15}, {"n_neighbors": 51}),
        {"n_neighbors": (5, 99)},
        most=MOST,
        weighted=False,
        options={"optim": "cdist"},
    ),
    Kind("naive-bayes", _bayes, ({"var_smoothing": 1e-9},), {"var_smoothing": (1e-9, 1.0)}),
    Kind("xgboost", _xgboost, TREES, GROWING),
    Kind("lightgbm", _lightgbm, TREES, GROWING),
)


def check_installed() -> None:
    """Raises StartupError when the extra is not there."""
    try:
        import lightgbm  # noqa: F401
        import onnxmltools  # noqa: F401
        import optuna  # noqa: F401
        import xgboost  # noqa: F401
    except (ImportError, OSError):  # LightGBM wants the system's libgomp
        raise StartupError(
            "What fits a fusion is not installed here.",
            "Install it: `pip install 'facegate[ensemble]'`, and libgomp1 of your distribution.",
        ) from None


def fitted(kind: Kind, params: Params, table: Table) -> Any:
    """The classifier of these images; both classes, and in a class every species, count the same.

    Float32, as ONNX will see them: at a tree's threshold a rounding is another answer.
    """
    weights = balanced(table.fake, table.species) * len(table.fake)
    chosen = _drawn(kind, weights)
    values, fake = table.log_odds[chosen].astype(np.float32), table.fake[chosen].astype(int)
    model = kind.make(**params)
    if kind.weighted:
        return model.fit(values, fake, sample_weight=weights[chosen])
    return model.fit(values, fake)


def _drawn(kind: Kind, weights: np.ndarray) -> np.ndarray:
    """Rows to learn from; where weights are not taken, rows stand in for them."""
    rng, count = np.random.default_rng(0), len(weights)
    size = min(count, kind.most or count)
    if kind.weighted:
        return np.sort(rng.choice(count, size, replace=False))
    return np.sort(rng.choice(count, size, p=weights / weights.sum()))


def scorer(model: Any) -> Scorer:
    """What a classifier says of log-odds: the probability of `fake`."""

    def score(log_odds: np.ndarray) -> np.ndarray:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # LightGBM misses names of columns
            return np.asarray(model.predict_proba(log_odds.astype(np.float32))[:, 1], float)

    return score


def export(kind: Kind, model: Any, file: Path, inputs: int) -> None:
    """Write a classifier as ONNX: `log_odds`, images x inputs, to `probabilities`, images x 2."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of what the converter reads, not we
        file.write_bytes(_converted(kind, model, inputs).SerializeToString())


def _converted(kind: Kind, model: Any, inputs: int) -> Any:
    from onnxmltools import convert_lightgbm, convert_xgboost
    from onnxmltools.convert.common.data_types import FloatTensorType
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType as Floats

    types = [(INPUT, FloatTensorType([None, inputs]))]
    if kind.name == "xgboost":
        return convert_xgboost(model, initial_types=types)
    if kind.name == "lightgbm":
        return convert_lightgbm(model, initial_types=types, zipmap=False)
    options = {id(model): {"zipmap": False, **kind.options}}
    types = [(INPUT, Floats([None, inputs]))]
    return to_onnx(model, initial_types=types, options=options, target_opset=OPSET)
