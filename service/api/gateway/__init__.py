"""Contract 3: the DeepSafe-style gateway over all detectors."""

from __future__ import annotations

from service.api.gateway import history, predict, users
from service.api.gateway.blueprint import blueprint

__all__ = ["blueprint", "history", "predict", "users"]
