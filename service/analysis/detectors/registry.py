"""Which detectors there are: every folder of kind `detector`, or the ones that a setting names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from service.analysis.detectors.base import Detector
from service.analysis.detectors.manifest import (
    RESTORE,
    kind_of,
    load_manifest,
    read_json,
    verify_checksum,
)
from service.errors import StartupError
from service.settings import Settings


def load_detectors(settings: Settings) -> tuple[Detector, ...]:
    """All detectors in force, by name. Raises StartupError when one is unusable or unknown."""
    # Late: `check_models` needs no ONNX Runtime, which must not be imported before the fork.
    from service.analysis.detectors.onnx import OnnxDetector

    folders = detector_folders(settings)
    return tuple(OnnxDetector(folder, bpcer=settings.bpcer) for folder in folders)


def check_models(settings: Settings) -> None:
    """Read all manifests and verify all checksums; opens no session. Raises StartupError."""
    for folder in detector_folders(settings):
        load_manifest(folder).threshold(settings.bpcer)
    for folder in _folders(settings.models_dir, "face_detector"):
        manifest = read_json(folder)
        verify_checksum(folder, str(manifest.get("file")), str(manifest.get("sha256")))


def face_manifests(settings: Settings) -> list[dict[str, Any]]:
    """The manifests of the face detectors, by name."""
    return [read_json(folder) for folder in _folders(settings.models_dir, "face_detector")]


def detector_folders(settings: Settings) -> list[Path]:
    """Folders of the detectors in force: those named, or those of the profile.

    Raises StartupError when there is none.
    """
    folders = {folder.name: folder for folder in _folders(settings.models_dir, "detector")}
    for name in settings.detectors:
        if name not in folders:
            raise StartupError(
                f"There is no detector named {name} in the models folder.",
                f"Set FACEGATE_DETECTORS to some of: {', '.join(folders) or 'none is installed'}.",
            )
    chosen = [folders[name] for name in settings.detectors or folders]
    if not chosen:
        raise StartupError("There is no detector in the models folder.", RESTORE)
    if settings.detectors or settings.profile == "accurate":
        return chosen
    return [folder for folder in chosen if read_json(folder).get("fast")] or chosen


def _folders(models_dir: Path, kind: str) -> list[Path]:
    found = sorted(path.parent for path in models_dir.glob("*/manifest.json"))
    return [folder for folder in found if kind_of(folder) == kind]
