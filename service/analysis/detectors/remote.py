"""A detector in another container, asked over HTTP with the face alone."""

from __future__ import annotations

import base64
from pathlib import Path

import cv2
import numpy as np
import requests
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

from service.analysis.detectors.base import Prediction
from service.analysis.face.crop import Portrait
from service.repository.kinds import RemoteManifest
from service.repository.manifest import read_manifest
from service.runtime.limits.breaker import Breaker
from service.runtime.limits.deadline import run_with_deadline
from service.runtime.secrets import read_secret

FIELDS = ("probability", "ensemble_score_is_fake")  # a model service's, a gateway's
LARGEST = 65536  # bytes of an answer


class RemoteDetector:
    """Opens no connection before the first face. Raises StartupError for a bad manifest."""

    remote = True

    def __init__(self, folder: Path) -> None:
        self.manifest = read_manifest(RemoteManifest, folder)
        self.name, self.version = self.manifest.name, self.manifest.version
        self.threshold = self.manifest.threshold
        self.identity = self.manifest.identity
        self._breaker = Breaker(self.manifest.failures, self.manifest.rest)
        self._session = _session(self.manifest)

    def predict(self, portrait: Portrait, *, explain: bool = False) -> Prediction:  # noqa: ARG002
        """Send the crop as PNG.

        Raises RequestException, TimeoutError, ValueError or DetectorAway.
        """
        manifest = self.manifest
        crop = portrait.crop(manifest.crop.margin, manifest.size)
        # Each try has that long to connect, and again to answer; one that drips would never end.
        patience = 2 * manifest.timeout * (manifest.retries + 1)
        with self._breaker.guard():
            probability = run_with_deadline(patience, lambda: self._ask(crop), self.name)
        return Prediction(probability, portrait.box(manifest.crop.margin))

    def card(self) -> dict[str, object]:
        """The manifest, without whereabouts."""
        return self.manifest.model_dump(mode="json", exclude={"url", "hash_id_file"})

    def _ask(self, crop: np.ndarray) -> float:
        _, png = cv2.imencode(".png", cv2.cvtColor(crop, cv2.COLOR_RGB2BGR))
        text = base64.b64encode(png.tobytes()).decode()
        body = {"media_type": "image", "image_data": text, "threshold": self.threshold}
        address = self.manifest.url.rstrip("/") + "/predict"
        answer = self._session.post(
            address, json=body, timeout=self.manifest.timeout, allow_redirects=False
        )
        if answer.status_code != 200 or len(answer.content) > LARGEST:
            raise ValueError("no answer")
        return _probability(answer.json())


def _probability(answer: object) -> float:
    if isinstance(answer, dict):
        for field in FIELDS:
            if isinstance(answer.get(field), int | float):
                return float(answer[field])
    raise ValueError("no probability")


def _session(manifest: RemoteManifest) -> requests.Session:
    again = Retry(
        manifest.retries,
        allowed_methods=None,
        status_forcelist=(502, 503, 504),
        backoff_factor=0.05,
        respect_retry_after_header=False,
        raise_on_status=False,
    )
    session = requests.Session()
    session.trust_env = False  # a neighbour is not reached through a proxy
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(max_retries=again, pool_maxsize=16))
    if manifest.hash_id_file is not None:
        session.headers["X-Hash-Id"] = read_secret(
            manifest.hash_id_file, f"hash_id_file in the manifest of {manifest.name}"
        )
    return session
