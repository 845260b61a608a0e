"""Which images train, validate, calibrate and test: made once, and kept in OUT/split.npy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from service.fitting.metrics import default_is_statable
from training.data.dataset import Index, load_crops, prepare, some_of
from training.data.split import read_groups, split, units_of
from training.nets.nets import RECIPES

VALIDATED = 60  # images of a source and label


def splits(data: Path, out: Path, options: dict[str, Any]) -> tuple[Index, np.ndarray, np.ndarray]:
    """(index, crops, split names); the split is made or read once and kept in OUT/split.npy."""
    index = prepare(data, out)
    crops, file = load_crops(out), out / "split.npy"
    if not file.exists():
        given = options["groups"]
        np.save(file, read_groups(given, index) if given else new_split(index, crops, options))
    assigned = np.load(file)
    genuine = int(((assigned == "calibration") & ~index.fake).sum())
    if not default_is_statable(genuine):
        raise ValueError(
            f"{genuine} genuine images in the calibration split are too few for a threshold; "
            "it takes some 1,700 genuine images in all."
        )
    return index, crops, assigned


def new_split(index: Index, crops: np.ndarray, options: dict[str, Any]) -> np.ndarray:
    """Split by group and, in the clustered sources, by look."""
    net, seed = RECIPES["lite0"].make().eval(), options["seed"]
    units = units_of(index, crops, options["cluster"], net, seed)
    return split(index, units, options["hold_out"], seed)


def some_of_each(index: Index, rows: np.ndarray) -> np.ndarray:
    """Choose at most VALIDATED rows of each source and label; no more are needed."""
    kinds = np.char.add(index.source[rows], np.where(index.fake[rows], " fake", " real"))
    return rows[some_of(kinds, VALIDATED)]
