"""What all models made of an ONNX file share: opening, the self-test's verdict, the figures."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from service.errors import StartupError
from service.repository.checksums import RESTORE

TOLERATED = 0.5  # log-odds; measured: 0.15 from CPU to CPU at the most, 17 with wrong products


@contextmanager
def opening(name: str) -> Iterator[None]:
    """Raises StartupError for whatever ONNX Runtime says of a model that does not run."""
    try:
        yield
    except StartupError:
        raise
    except Exception:  # ONNX Runtime's exceptions have no common, public base
        raise StartupError(
            f"The model {name} cannot be run by this version of ONNX Runtime.", RESTORE
        ) from None


def check_logit(name: str, found: float, known: float | None) -> None:
    """On a CPU that a kernel is wrong for a model answers, too, and nobody would notice.

    Raises StartupError.
    """
    if not math.isfinite(found):
        raise StartupError(f"The model {name} fails its self-test.", RESTORE)
    if known is not None and abs(found - known) > TOLERATED:
        raise StartupError(
            f"The model {name} does not answer on this CPU as it did where it was"
            f" measured: {found:.2f} instead of {known:.2f}.",
            "Use another CPU, or the version of ONNX Runtime in requirements.lock.",
        )


def read_metrics(folder: Path) -> Any:
    """The figures measured in training; None where there are none."""
    try:
        return json.loads((folder / "metrics.json").read_text())
    except (OSError, ValueError):
        return None
