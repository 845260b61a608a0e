"""The policy turns detectors' probabilities into one decision: fusion, calibration, threshold.

A fusion that is deployed while the service runs takes over here, in each worker by itself.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import structlog

from service import __version__
from service.analysis.decision.calibration import Calibrated, find_calibration
from service.analysis.decision.fusion import Fusion, open_fusion
from service.analysis.detectors.base import Rated
from service.errors import StartupError
from service.repository.deployed import deployed
from service.repository.fusion_manifest import misfit
from service.repository.manifest import DEEPFAKE, Task
from service.settings import Settings

ANSWERING = {  # the settings that change an answer; the detectors are named by themselves
    *("bpcer", "fusion", "multi_face", "max_faces", "refuse", "min_face", "border_margin"),
    *("max_angle", "min_sharpness", "min_brightness", "max_brightness"),
}
log = structlog.get_logger()


class InForce(NamedTuple):
    """How an answer is decided, and the short hash of everything that it depends on."""

    fusion: Fusion
    bpcer: float
    fingerprint: str


class Policy:
    """Fusion, calibration and threshold; never changes once made.

    Raises StartupError when a fusion or calibration is unusable.
    """

    def __init__(
        self,
        settings: Settings,
        detectors: Sequence[Rated],
        face_manifests: Sequence[Mapping[str, Any]],
        *,
        calibrated: bool,
        task: Task = DEEPFAKE,
    ) -> None:
        # Before the fusion is opened: one that is deployed in between is noticed the next time.
        self.stamp = deployed(settings)
        self.task = task
        self._settings, self._detectors = settings, tuple(detectors)
        self._face_manifests = tuple(face_manifests)
        self._fusions: dict[tuple[str, ...], Fusion] = {}
        self.fusion = self.fusion_of(settings.fusion, [one.name for one in detectors])
        trained = settings.fusion != "stacking" or self.fusion.name in ("stacking", "single")
        self.misfit = None if trained else misfit(detectors)
        self.bpcer = settings.bpcer
        self.identity = self._identity()
        found = find_calibration(settings, task) if calibrated else None
        self.calibration = found if found and found.fits(self.identity) else None
        self.ignored_calibration = found is not None and self.calibration is None
        if self.calibration:
            self.bpcer = self.calibration.bpcer_of(settings)
            self.fusion = Calibrated(self.fusion, self.calibration, self.bpcer)
        self.fingerprint = self._fingerprint(())

    def fusion_of(self, method: str, names: Sequence[str]) -> Fusion:
        """The fusion of some of the detectors by a method of the setting `fusion`.

        Raises StartupError when a trained one is unusable.
        """
        key = (method, *names)
        if key not in self._fusions:
            asked = self._settings.model_copy(update={"fusion": method})
            some = [one for one in self._detectors if one.name in names]
            self._fusions[key] = open_fusion(asked, some, self.task)
        return self._fusions[key]

    def threshold_at(self, bpcer: float) -> float:
        """The threshold that another BPCER would have. Raises StartupError where there is none."""
        if self.calibration:
            return self.calibration.threshold(bpcer)
        asked = self._settings.model_copy(update={"bpcer": bpcer})
        return open_fusion(asked, [At(one, bpcer) for one in self._detectors]).threshold

    def without(self, left_out: Sequence[str] = ()) -> InForce:
        """What is in force when these detectors did not answer.

        A judgement without some detectors is never taken for the one of them all, and a
        calibration holds for all of them together.
        """
        if not left_out:
            return InForce(self.fusion, self.bpcer, self.fingerprint)
        names = [one.name for one in self._detectors if one.name not in left_out]
        fusion = self.fusion_of(self._settings.fusion, names)
        return InForce(fusion, self._settings.bpcer, self._fingerprint(left_out))

    def _identity(self) -> str:
        """SHA-256 of everything that a probability depends on besides the pixels."""
        return _digest(
            {
                "detectors": [detector.identity for detector in self._detectors],
                "face_detectors": self._face_manifests,
                "fusion": self.fusion.card(),
            }
        )

    def _fingerprint(self, left_out: Sequence[str]) -> str:
        """Short hash of everything that an answer depends on besides the image."""
        settings = self._settings.model_dump(mode="json", include=ANSWERING)
        parts = {
            "service": __version__,
            "models": self.identity,
            "fusion": self.fusion.card(),
            "left_out": left_out,
            "settings": {**settings, "refuse": sorted(settings["refuse"])},
        }
        return _digest(parts)[:16]


class At:
    """A detector as it would be at another BPCER; one without operating points stays as it is."""

    def __init__(self, detector: Rated, bpcer: float) -> None:
        self.name, self.version = detector.name, detector.version
        self.identity, self.card = detector.identity, detector.card
        at = getattr(detector, "threshold_at", None)
        self.threshold: float = at(bpcer) if at else detector.threshold


class CurrentPolicy:
    """`now` is the policy in force; asking costs one look at a link.

    Where another fusion was deployed, the first thread to notice opens it while the others go on
    with the old one; so does everybody when the new one is unusable. `follow`: whether it may
    change at all, which it must not while something is fitted to it.
    """

    def __init__(self, settings: Settings, make: Callable[[], Policy], *, follow: bool) -> None:
        self._settings, self._make, self._follow = settings, make, follow
        self._lock = threading.Lock()
        self._now = make()
        self._seen = self._now.stamp

    @property
    def now(self) -> Policy:
        stamp = deployed(self._settings) if self._follow else self._seen
        if stamp != self._seen and self._lock.acquire(blocking=False):
            try:
                self._take_over(stamp)
            finally:
                self._lock.release()
        return self._now

    def _take_over(self, stamp: str | None) -> None:
        self._seen = stamp
        try:
            self._now = self._make()
        except StartupError as error:
            log.error("fusion not taken over", reason=error.sentence, remedy=error.remedy)
            return
        self._seen = self._now.stamp
        log.info("fusion taken over", fusion=self._now.fusion.name, deployed=stamp or "none")
        if self._now.ignored_calibration:
            log.warning("calibration ignored", reason="it was fitted for other models")


def _digest(parts: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
