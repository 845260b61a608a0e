"""Heads as `facegate train` keeps them, of any values."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from service.repository.heads import HeadRecord, OwnHead, archive, basis, file_name
from service.repository.manifest import load_manifest


def own_head(folder: Path, weight: np.ndarray, bias: float = 0.0, **changes: Any) -> OwnHead:
    """A head for the model of this folder; `changes` go into its record."""
    manifest, content = load_manifest(folder), archive(weight, bias)
    fields = {
        "made_for": {"name": manifest.name, "version": manifest.version, "basis": basis(manifest)},
        "made_at": "2026-11-21T12:00:00Z",
        "service": "0.1.0",
        "file": file_name(manifest.name, content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "ridge": 0.01,
        "images": {"genuine": 5, "attacks": 4, "genuine_held_out": 3, "attacks_held_out": 2},
        "figures": {"auc_after": {"value": 0.9, "low": 0.8, "high": 0.95}},
        "calibration": {"slope": 1.0, "intercept": 0.0},
        "operating_points": [{"bpcer": 0.05, "threshold": 0.7}],
    }
    return OwnHead(HeadRecord.model_validate({**fields, **changes}), content)
