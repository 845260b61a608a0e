"""Open the detectors of the model folders; call it after the fork."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import structlog

from service.analysis.detectors.base import Detector, VoiceDetector
from service.errors import StartupError
from service.repository.checksums import RESTORE
from service.repository.heads import Heads, OwnHead, open_heads
from service.repository.manifest import DEEPFAKE, Task, kind_of
from service.repository.registry import (
    detector_folders,
    drawing_folders,
    ignored_heads,
    own_head,
    reads,
    voice_folders,
)
from service.settings import Settings

log = structlog.get_logger()


def load_detectors(
    settings: Settings,
    heads: Heads | None = None,
    task: Task = DEEPFAKE,
    *,
    loaded: Sequence[Detector] = (),
) -> tuple[Detector, ...]:
    """All detectors of a task in force, by name.

    Raises StartupError when one is unusable or unknown.

    `heads` are laid over the models; None stands for those of the data folder. A detector that
    reads one of those that are `loaded` shares it; one that reads another opens it for itself.
    """
    heads = open_heads(settings, task) if heads is None else heads
    for name in ignored_heads(settings, heads, task):
        log.warning("head ignored", model=name, reason="it was made for another version of it")
    folders = detector_folders(settings, task)
    there = {one.name: one for one in loaded}
    return tuple(
        _reading(folder, settings, own_head(folder, heads), there)
        if reads(folder)
        else _load(folder, settings.bpcer, own_head(folder, heads))
        for folder in folders
    )


def load_drawing(settings: Settings) -> tuple[Detector, ...]:
    """Detectors that are asked for a heat map alone. Raises StartupError when one is unusable."""
    return tuple(_load(folder, settings.bpcer, None) for folder in drawing_folders(settings))


def _reading(
    folder: Path, settings: Settings, head: OwnHead | None, there: Mapping[str, Detector]
) -> Detector:
    from service.analysis.detectors.onnx import OnnxDetector
    from service.analysis.detectors.reading import ReadingDetector

    name = str(reads(folder))
    source = there.get(name) or _load(folder.parent / name, settings.bpcer, None)
    if not isinstance(source, OnnxDetector):
        raise StartupError(f"The model {folder.name} reads {name}, which is no ONNX file.", RESTORE)
    return ReadingDetector(folder, source, bpcer=settings.bpcer, own_head=head)


def _load(folder: Path, bpcer: float, head: OwnHead | None) -> Detector:
    # Late: `check_models` needs no ONNX Runtime, which must not be imported before the fork.
    match kind_of(folder):
        case "python":
            from service.analysis.detectors.plugin import PythonDetector

            return PythonDetector(folder)
        case "remote":
            from service.analysis.detectors.remote import RemoteDetector

            return RemoteDetector(folder)
        case _:
            from service.analysis.detectors.onnx import OnnxDetector

            return OnnxDetector(folder, bpcer=bpcer, own_head=head)


def load_voice_detectors(settings: Settings) -> tuple[VoiceDetector, ...]:
    """The voice detectors in force, by name. Raises StartupError when one is unusable."""
    from service.analysis.detectors.voice import OnnxVoiceDetector

    folders = voice_folders(settings)
    return tuple(OnnxVoiceDetector(folder, bpcer=settings.bpcer) for folder in folders)
