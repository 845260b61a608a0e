"""Run all detectors on the same faces; one that fails is left out, the others count."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import structlog

from service.analysis.detectors.base import Detector, Prediction
from service.analysis.face.crop import Portrait
from service.errors import NoDetectorAnswered

AT_ONCE = 16  # detectors elsewhere that are asked at the same time
log = structlog.get_logger()


@dataclass(frozen=True, eq=False)
class Predictions:
    """`rows` has a row for each detector of `answered`, with a column for each face."""

    answered: tuple[Detector, ...]
    rows: tuple[tuple[Prediction, ...], ...]
    left_out: tuple[str, ...]  # names

    def of_face(self, index: int) -> tuple[Prediction, ...]:
        """What each detector said about one face."""
        return tuple(row[index] for row in self.rows)

    def probabilities(self, index: int) -> list[float]:
        """The same as numbers, in the order of `answered`."""
        return [one.probability for one in self.of_face(index)]


class Ensemble:
    """Detectors in other containers are asked at the same time, those in here one by one."""

    def __init__(self, detectors: Sequence[Detector]) -> None:
        self._detectors = tuple(detectors)
        far = [detector for detector in detectors if is_remote(detector)]
        self._pool = ThreadPoolExecutor(AT_ONCE, "detector") if far else None

    def ask(self, portraits: Sequence[Portrait], *, explain: bool) -> Predictions:
        """Raises NoDetectorAnswered when each of them failed."""

        def predict(detector: Detector) -> tuple[Prediction, ...] | None:
            return predict_guarded(detector, portraits, explain)

        waiting = {
            detector.name: self._pool.submit(predict, detector)
            for detector in self._detectors
            if self._pool is not None and is_remote(detector)
        }
        rows = [
            waiting[one.name].result() if one.name in waiting else predict(one)
            for one in self._detectors
        ]
        pairs = list(zip(self._detectors, rows, strict=True))
        answered = [(detector, row) for detector, row in pairs if row is not None]
        if not answered:
            raise NoDetectorAnswered
        return Predictions(
            answered=tuple(detector for detector, _ in answered),
            rows=tuple(row for _, row in answered),
            left_out=tuple(detector.name for detector, row in pairs if row is None),
        )


def is_remote(detector: Detector) -> bool:
    """Whether asking it means waiting for another machine."""
    return bool(getattr(detector, "remote", False))


def predict_guarded(
    detector: Detector, portraits: Sequence[Portrait], explain: bool
) -> tuple[Prediction, ...] | None:
    """What a detector says of each face; None, and a line in the log, where it fails."""
    try:
        predictions = tuple(detector.predict(one, explain=explain) for one in portraits)
        if not all(0 <= one.probability <= 1 for one in predictions):  # NaN is neither
            raise ValueError("not a probability")
        return predictions
    except Exception as error:  # whatever an author's code or another machine may do
        log.warning("detector left out", detector=detector.name, error=type(error).__name__)
        return None
