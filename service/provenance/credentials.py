"""C2PA manifests (Content Credentials): told without further parts, checked with `c2pa-python`."""

from __future__ import annotations

import io
import json
import re
from functools import cache
from pathlib import Path
from typing import Any, cast

from service.errors import StartupError
from service.provenance.facts import ContentCredentials, Says

MAX_MANIFEST = 2 * 2**20  # bytes; a longer one is told, and not checked
SOURCES: dict[str, Says] = {
    "trainedAlgorithmicMedia": "ai_generated",
    "algorithmicMedia": "ai_generated",
    "compositeWithTrainedAlgorithmicMedia": "ai_edited",
    "compositeSynthetic": "ai_edited",
    "digitalCapture": "captured",
    "computationalCapture": "captured",
}
EDITS = re.compile(
    r"c2pa\.(?:edited|color_adjustments|cropped|drawing|filtered|placed|resized|repackaged)"
)
SOURCE = re.compile(r"digitalsourcetype/([A-Za-z]{1,64})")
MIME = {
    **{"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp", "TIFF": "image/tiff"},
    **{"HEIF": "image/heic", "AVIF": "image/avif"},
}
# Nothing is asked of anybody: neither manifests that lie elsewhere, nor whether a certificate
# was revoked.
OFFLINE = {"remote_manifest_fetch": False, "ocsp_fetch": False, "verify_after_reading": True}


class Checker:
    """Checks manifests, where the optional part is installed."""

    def __init__(self, anchors: Path | None) -> None:
        """anchors: certificates (PEM) of those who are trusted. Raises StartupError."""
        self._c2pa = _library()
        self._context: Any = None
        if self._c2pa is not None:
            self._context = self._c2pa.Context(self._c2pa.Settings.from_dict(_settings(anchors)))

    @property
    def installed(self) -> bool:
        """Whether manifests are checked."""
        return self._c2pa is not None

    def check(self, data: bytes, format: str | None, manifest: bytes) -> ContentCredentials | None:
        """What a picture's manifest says; None where it has none."""
        if not manifest:
            return None
        mime = MIME.get(format or "")
        if self._c2pa is None or mime is None or len(manifest) > MAX_MANIFEST:
            return ContentCredentials("unchecked", _says(manifest.decode("latin-1")))
        try:
            with self._c2pa.Reader(mime, io.BytesIO(data), context=self._context) as reader:
                return _found(json.loads(reader.json()), str(reader.get_validation_state()))
        except Exception:  # the library has no closed list of errors, and garbage is expected
            return ContentCredentials("invalid", _says(manifest.decode("latin-1")))


def _found(document: dict[str, Any], state: str) -> ContentCredentials:
    active = document.get("manifests", {}).get(document.get("active_manifest"), {})
    known = {"valid": "valid", "trusted": "trusted"}.get(state.lower(), "invalid")
    texts = json.dumps(document.get("manifests"))  # of what it was made of, too
    signer = (active.get("signature_info") or {}).get("issuer")
    return ContentCredentials(
        cast("Any", known), _says(texts), str(signer)[:128] if signer else None
    )


def _says(text: str) -> tuple[Says, ...]:
    said = {SOURCES[name] for name in SOURCE.findall(text) if name in SOURCES}
    if EDITS.search(text):
        said.add("edited")
    return tuple(sorted(said))


def _settings(anchors: Path | None) -> dict[str, Any]:
    if anchors is None:
        return {"verify": OFFLINE}
    try:
        pem = anchors.read_text()
    except (OSError, UnicodeDecodeError):
        raise StartupError(
            f"The trust anchors {anchors} cannot be read.",
            "Correct FACEGATE_PROVENANCE_ANCHORS: a file of certificates in PEM form.",
        ) from None
    return {"verify": OFFLINE, "trust": {"trust_anchors": pem}}


@cache
def _library() -> Any:
    try:
        import c2pa
    except ImportError:
        return None
    return c2pa
