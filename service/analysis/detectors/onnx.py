"""A detector made of an ONNX file and its manifest, without code."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from service.analysis.decision.rules import sigmoid
from service.analysis.detectors.base import Prediction
from service.analysis.face.crop import Portrait, normalise
from service.errors import StartupError
from service.repository.checksums import RESTORE
from service.repository.heads import OwnHead
from service.repository.initializers import read_initializer
from service.repository.manifest import Manifest, load_manifest
from service.repository.opening import check_logit, opening, read_metrics
from service.repository.session import open_session


class OnnxDetector:
    """Runs one session of ONNX Runtime, made here and now: make it after the fork.

    `own_head` is laid over the model; it must fit. Raises StartupError when the folder is unusable,
    the model does not run, or there is no threshold for `bpcer`.
    """

    def __init__(
        self, folder: Path, *, bpcer: float, threads: int = 1, own_head: OwnHead | None = None
    ) -> None:
        shipped = load_manifest(folder)
        self.manifest = own_head.over(shipped) if own_head else shipped
        self.name, self.version = self.manifest.name, self.manifest.version
        self.threshold = self.manifest.threshold(bpcer)
        self.identity = self.manifest.identity + (own_head.record.sha256 if own_head else "")
        self.own_head = own_head
        self._folder, self._bpcer = folder, bpcer
        self._metrics = read_metrics(folder)
        with opening(folder.name):
            self._tuned = tuned_values(folder, shipped)
            self._session = open_session(folder / self.manifest.file, threads)
            check_logit(self.name, self.pattern_logit(), self.manifest.known_logit)
            if own_head:
                self._tuned |= own_head.values(shipped)
                self.pattern_logit()

    def threshold_at(self, bpcer: float) -> float:
        """The threshold for another BPCER. Raises StartupError where there is none."""
        return (self.own_head.record if self.own_head else self.manifest).threshold(bpcer)

    def predict(self, portrait: Portrait, *, explain: bool = False) -> Prediction:
        """Crop, normalise, run; the activation map is computed only to explain."""
        logit, heat_map, pools = self._run(self._crop(portrait), explain)
        if pools is not None:
            portrait.pools[self.name] = pools
        box = portrait.box(self.manifest.crop.margin)
        return Prediction(self._calibrated(logit), box, heat_map)

    def raw(self, portrait: Portrait) -> float:
        """The logit before calibration, for training's reports."""
        return self._run(self._crop(portrait), explain=False)[0]

    def logit(self, crop: np.ndarray) -> float:
        """The logit before calibration of a face crop as `face_crop` makes it."""
        return self._run(self._seen(crop), explain=False)[0]

    @property
    def can_be_retrained(self) -> bool:
        """Whether the model gives out the features that its head sees, and takes another head."""
        return self.manifest.head is not None and self.manifest.output.features is not None

    def features(self, portrait: Portrait) -> tuple[float, np.ndarray]:
        """The probability, and the N float32 that the head sees, where it can be retrained."""
        output = self.manifest.output
        logit, features = self._outputs(self._crop(portrait), output.logit, output.features)
        return self._calibrated(float(logit.reshape(()))), np.asarray(features[0], np.float32)

    def head(self) -> tuple[np.ndarray, float]:
        """(N weights, bias) of the head in force. Raises StartupError when it cannot be read."""
        names = self.manifest.head
        assert names is not None
        try:
            weight, bias = (self._value(name).ravel() for name in (names.weight, names.bias))
            return weight, float(bias[0])
        except (LookupError, ValueError):
            raise StartupError(
                f"The head of the model {self.name} cannot be read from its file.", RESTORE
            ) from None

    def card(self) -> dict[str, object]:
        """The manifest, the operating point in force, and the figures measured in training.

        Those are of the shipped head: with one of an operator's own, its figures stand instead.
        """
        point = {"bpcer": self._bpcer, "threshold": self.threshold}
        own = self.own_head.card() if self.own_head else None
        metrics = None if own else self._metrics
        manifest = self.manifest.model_dump(mode="json")
        return {**manifest, "operating_point": point, "metrics": metrics, "own_head": own}

    def _crop(self, portrait: Portrait) -> np.ndarray:
        return portrait.crop(self.manifest.crop.margin, self.manifest.input.size)

    def pools(self, portrait: Portrait) -> np.ndarray:
        """1xM float32 that other detectors read; kept in the portrait where this one has looked."""
        if self.name not in portrait.pools:
            self.predict(portrait)
        return portrait.pools[self.name]

    def pools_of(self, crop: np.ndarray) -> np.ndarray:
        """The same of a face crop as `face_crop` makes it."""
        return self._outputs(crop, self.manifest.output.pools)[0]

    def _run(
        self, crop: np.ndarray, explain: bool
    ) -> tuple[float, np.ndarray | None, np.ndarray | None]:
        """The logit; the heat map, if it was asked for; the pools, if others read them."""
        output = self.manifest.output
        names = (output.logit, output.cam if explain else None, output.pools)
        asked = [name for name in names if name]
        found = dict(zip(asked, self._outputs(crop, *asked), strict=True))
        map_ = found.get(names[1] or "")
        heat_map = None if map_ is None else np.squeeze(map_).astype(np.float32)
        return float(found[output.logit].reshape(())), heat_map, found.get(output.pools or "")

    def _outputs(self, crop: np.ndarray, *names: str | None) -> list[np.ndarray]:
        """Of these names; of a mirrored model the means over the crop and its mirror image."""
        taken = self.manifest.input
        pixels = self._fed(crop)
        outputs: list[np.ndarray] = self._session.run(names, {taken.name: pixels, **self._tuned})
        if not self.manifest.mirrored:
            return outputs
        turned = np.ascontiguousarray(pixels[..., ::-1])
        others = self._session.run(names, {taken.name: turned, **self._tuned})
        cam = self.manifest.output.cam
        others = [o[..., ::-1] if name == cam else o for name, o in zip(names, others, strict=True)]
        return [(one + other) / 2 for one, other in zip(outputs, others, strict=True)]

    def _seen(self, crop: np.ndarray) -> np.ndarray:
        return crop

    def _fed(self, crop: np.ndarray) -> np.ndarray:
        return normalise(crop, self.manifest.input.mean, self.manifest.input.std)

    def _value(self, name: str) -> np.ndarray:
        if name in self._tuned:
            return self._tuned[name]
        return read_initializer(self._folder / self.manifest.file, name)

    def _calibrated(self, logit: float) -> float:
        calibration = self.manifest.calibration
        return sigmoid(calibration.slope * logit + calibration.intercept)

    def pattern_logit(self) -> float:
        """The logit of a pattern. Warms up: the first run allocates what later ones use again."""
        size = self.manifest.input.size
        pattern = np.arange(size * size * 3, dtype=np.uint32) % 251
        crop = pattern.astype(np.uint8).reshape(size, size, 3)
        logit, heat_map, _ = self._run(self._seen(crop), explain=True)
        if not math.isfinite(logit) or (heat_map is not None and heat_map.ndim != 2):
            raise StartupError(f"The model {self.name} fails its self-test.", RESTORE)
        return logit


def tuned_values(folder: Path, manifest: Manifest) -> dict[str, np.ndarray]:
    """Values for inputs of the model, most with defaults: ONNX's way to lay them over a base.

    Large ones may be kept in half precision; the model takes float32.
    """
    if manifest.tuned is None:
        return {}
    with np.load(folder / manifest.tuned.file) as values:
        return {name: value.astype(np.float32) for name, value in values.items()}
