"""Which detectors there are: every folder of one of their kinds, or those that a setting names.

Model folders lie in the models folder of the release and, those added here, in `data/models`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from service.analysis.detectors.base import Detector
from service.analysis.detectors.kinds import KINDS, check_folder
from service.analysis.detectors.manifest import RESTORE, kind_of, read_json
from service.errors import StartupError
from service.settings import Settings


def load_detectors(settings: Settings) -> tuple[Detector, ...]:
    """All detectors in force, by name. Raises StartupError when one is unusable or unknown."""
    return tuple(_load(folder, settings.bpcer) for folder in detector_folders(settings))


def _load(folder: Path, bpcer: float) -> Detector:
    # Late: `check_models` needs no ONNX Runtime, which must not be imported before the fork.
    match kind_of(folder):
        case "python":
            from service.analysis.detectors.python import PythonDetector

            return PythonDetector(folder)
        case "remote":
            from service.analysis.detectors.remote import RemoteDetector

            return RemoteDetector(folder)
        case _:
            from service.analysis.detectors.onnx import OnnxDetector

            return OnnxDetector(folder, bpcer=bpcer)


def check_models(settings: Settings) -> None:
    """Read all manifests and verify all checksums; opens no session. Raises StartupError."""
    for folder in detector_folders(settings):
        check_folder(folder, kind_of(folder), settings.bpcer)
    for folder in _folders(settings.models_dir, ("face_detector",)):
        check_folder(folder, "face_detector")


def face_manifests(settings: Settings) -> list[dict[str, Any]]:
    """The manifests of the face detectors, by name."""
    return [read_json(folder) for folder in _folders(settings.models_dir, ("face_detector",))]


def detector_folders(settings: Settings) -> list[Path]:
    """Folders of the detectors in force: those named, or those of the profile.

    Raises StartupError when there is none.
    """
    roots = (settings.models_dir, added_models(settings))
    folders = {folder.name: folder for root in roots for folder in _folders(root, KINDS)}
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


def added_models(settings: Settings) -> Path:
    """Where `facegate models add` puts detectors."""
    return settings.data_dir / "models"


def _folders(root: Path, kinds: tuple[str, ...]) -> list[Path]:
    found = sorted(path.parent for path in root.glob("*/manifest.json"))
    return [folder for folder in found if kind_of(folder) in kinds]
