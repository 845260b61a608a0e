"""List the detectors in force: every detector's folder, or those that a setting names.

Model folders lie in the models folder of the release and, those added here, in `data/models`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from service.errors import StartupError
from service.repository.checksums import RESTORE
from service.repository.heads import Heads, OwnHead, open_heads
from service.repository.kinds import KINDS, check_folder
from service.repository.manifest import (
    DEEPFAKE,
    PRESENTATION,
    Manifest,
    Modality,
    Task,
    kind_of,
    read_json,
    read_manifest,
    task_of,
)
from service.settings import Settings

VOICE: tuple[Task, Modality] = ("voice_spoof", "audio")


def own_head(folder: Path, heads: Heads) -> OwnHead | None:
    """The one of these heads that was made for exactly this model. Raises StartupError."""
    head = _named(folder, heads)
    if head is None or kind_of(folder) != "detector":
        return None
    return head if head.fits(read_manifest(Manifest, folder)) else None


def ignored_heads(
    settings: Settings, heads: Heads | None = None, task: Task = DEEPFAKE
) -> list[str]:
    """Models in force for whose other versions there is a head. Raises StartupError."""
    heads = open_heads(settings, task) if heads is None else heads
    folders = detector_folders(settings, task)
    return [one.name for one in folders if _named(one, heads) and not own_head(one, heads)]


def _named(folder: Path, heads: Heads) -> OwnHead | None:
    return heads.get(str(read_json(folder).get("name")))


def check_models(settings: Settings, heads: Heads | None = None, task: Task | None = None) -> None:
    """Read all manifests and verify all checksums; opens no session. Raises StartupError.

    `heads` as for `load_detectors`; `task` stands for all those in force.
    """
    for one in (task,) if task else tasks_in_force(settings):
        known = open_heads(settings, one) if heads is None else heads
        for folder in detector_folders(settings, one):
            check_folder(folder, kind_of(folder), settings.bpcer)
            if head := own_head(folder, known):
                head.record.threshold(settings.bpcer)
    for folder in [] if task else drawing_folders(settings):
        check_folder(folder, kind_of(folder), settings.bpcer)
    for folder in _folders(settings.models_dir, ("face_detector",)):
        check_folder(folder, "face_detector")
    for folder in [] if settings.voice == "off" else voice_folders(settings):
        check_folder(folder, kind_of(folder))


def face_manifests(settings: Settings) -> list[dict[str, Any]]:
    """The manifests of the face detectors, by name."""
    return [read_json(folder) for folder in _folders(settings.models_dir, ("face_detector",))]


def detector_folders(
    settings: Settings, task: Task = DEEPFAKE, modality: Modality = "image"
) -> list[Path]:
    """Folders of a task's detectors in force: those named, or those of the profile.

    Raises StartupError when there is none.
    """
    folders = _all_detectors(settings)
    for name in settings.detectors:
        if name not in folders:
            raise StartupError(
                f"There is no detector named {name} in the models folder.",
                f"Set FACEGATE_DETECTORS to some of: {', '.join(folders) or 'none is installed'}.",
            )
    named = [folders[name] for name in settings.detectors or folders]
    chosen = _of(named, task, modality)
    if not chosen and task != DEEPFAKE:  # names choose within a task, and leave the others alone
        chosen = _of(list(folders.values()), task, modality)
    if not chosen:
        raise _none_of(task, modality, named)
    if settings.detectors:
        return _readable(chosen, settings, task)
    of_profile = [folder for folder in chosen if _runs(folder, settings.profile)] or chosen
    return of_profile if settings.profile == "fast" else _readable(of_profile, settings, task)


def _runs(folder: Path, profile: str) -> bool:
    """Whether a detector is one of a profile; unless it says otherwise, of `accurate` alone."""
    return bool(read_json(folder).get(profile, profile == "accurate"))


def drawing_folders(settings: Settings) -> list[Path]:
    """Folders of detectors that have no say in the profile `accurate`, yet can draw a heat map."""
    if settings.detectors or settings.profile != "accurate":
        return []
    judging = detector_folders(settings)
    others = _of(list(_all_detectors(settings).values()), DEEPFAKE, "image")
    return [one for one in others if one not in judging and kind_of(one) == "detector"]


def reads(folder: Path) -> str | None:
    """The name of the detector whose pools this one reads. Raises StartupError."""
    asked = read_json(folder).get("reads")
    return str(asked.get("name")) if isinstance(asked, dict) else None


def _readable(chosen: list[Path], settings: Settings, task: Task) -> list[Path]:
    """Without those that read a detector that does not look: it would have to look for them."""
    if task == DEEPFAKE or not any(map(reads, chosen)):
        return chosen
    looking = {None, *(folder.name for folder in detector_folders(settings))}
    return [folder for folder in chosen if reads(folder) in looking] or chosen


def voice_folders(settings: Settings) -> list[Path]:
    """Folders of the voice detectors in force: those named, or, where none is, all that there are.

    Raises StartupError.
    """
    found = {name: one for name, one in _all_detectors(settings).items() if task_of(one) == VOICE}
    named = [found[name] for name in settings.detectors if name in found]
    return named or list(found.values())


def tasks_in_force(settings: Settings) -> tuple[Task, ...]:
    """What images are looked at for, the deciding one first. Raises StartupError."""
    asked = settings.presentation != "off"
    there = _of(list(_all_detectors(settings).values()), PRESENTATION, "image") if asked else []
    return (DEEPFAKE, PRESENTATION) if there else (DEEPFAKE,)


def _of(folders: list[Path], task: str, modality: str) -> list[Path]:
    return [folder for folder in folders if task_of(folder) == (task, modality)]


def idle_detectors(settings: Settings) -> list[str]:
    """Detectors of tasks that nothing here asks for, as `name (task)`. Raises StartupError."""
    found = {name: task_of(folder) for name, folder in _all_detectors(settings).items()}
    asked = {VOICE, *((task, "image") for task in tasks_in_force(settings))}
    return [f"{name} ({task})" for name, (task, kind) in found.items() if (task, kind) not in asked]


def _all_detectors(settings: Settings) -> dict[str, Path]:
    roots = (settings.models_dir, added_models(settings))
    return {folder.name: folder for root in roots for folder in _folders(root, KINDS)}


def _none_of(task: str, modality: str, others: list[Path]) -> StartupError:
    if not others:
        return StartupError("There is no detector in the models folder.", RESTORE)
    names = ", ".join(folder.name for folder in others)
    return StartupError(
        f"None of these detectors is for the task {task} in a medium of kind {modality}: {names}.",
        "Name one of that task in FACEGATE_DETECTORS, or name none.",
    )


def added_models(settings: Settings) -> Path:
    """Where `facegate models add` puts detectors."""
    return settings.data_dir / "models"


def _folders(root: Path, kinds: tuple[str, ...]) -> list[Path]:
    found = sorted(path.parent for path in root.glob("*/manifest.json"))
    return [folder for folder in found if kind_of(folder) in kinds]
