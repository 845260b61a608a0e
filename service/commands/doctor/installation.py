"""Checks of the installation: models, digest key, store, licences."""

from __future__ import annotations

import time
from pathlib import Path

from service.analysis.decision.calibration import find_calibration
from service.commands.doctor.finding import Diagnosis, failed, ok, warning
from service.errors import StoreUnavailable
from service.licensing.digest import digest_key
from service.licensing.files import load_licence_files
from service.licensing.status import DAY, LicenceStatus, summarise
from service.repository.fusion_manifest import DetectorInput, fusion_folders, misfit, read_stack
from service.repository.heads import HeadRecord, open_heads
from service.repository.manifest import DEEPFAKE, Task, read_manifest
from service.repository.registry import (
    added_models,
    check_models,
    detector_folders,
    idle_detectors,
    ignored_heads,
    own_head,
    tasks_in_force,
)
from service.settings import Settings
from service.store import not_yet_made, open_store

SOON = 14 * DAY  # seconds


def check_model_files(settings: Settings) -> Diagnosis:
    """Raises StartupError."""
    check_models(settings)
    in_force = "; ".join(_in_force(settings, task) for task in tasks_in_force(settings))
    idle = idle_detectors(settings)
    others = f" Installed, but of a task that nothing asks for: {', '.join(idle)}." if idle else ""
    return ok(f"All model files are as they were released; in force: {in_force}.{others}")


def _in_force(settings: Settings, task: Task) -> str:
    names = ", ".join(folder.name for folder in detector_folders(settings, task))
    return names if task == DEEPFAKE else f"for {task}, {names} ({settings.presentation})"


def check_fusion(settings: Settings) -> Diagnosis:
    """Raises StartupError."""
    folders = detector_folders(settings)
    if settings.fusion != "stacking" or len(folders) == 1:
        return ok("No trained fusion is asked for.")
    in_force = [read_manifest(DetectorInput, folder) for folder in folders]
    roots = (added_models(settings), settings.models_dir)
    stacks = [read_stack(folder) for root in roots for folder in fusion_folders(root)]
    found = next((stack for stack in stacks if stack.fits(in_force)), None)
    if found is None:
        return warning(*misfit(in_force))
    return ok(f"The trained fusion {found.name} {found.version} fits the detectors in force.")


def check_heads(settings: Settings) -> Diagnosis:
    """Raises StartupError."""
    tasks = tasks_in_force(settings)
    ignored = [name for task in tasks for name in ignored_heads(settings, task=task)]
    if ignored:
        return warning(
            f"Your own head of {', '.join(ignored)} was made for another version of it, so it is"
            " ignored.",
            "Run `facegate train DIR`, or `facegate train --remove`.",
        )
    own = [record for task in tasks for record in _own_heads(settings, task)]
    if not own:
        return ok("There is no head of your own; the shipped ones are in force.")
    names = ", ".join(f"{one.made_for.name} ({one.made_at[:10]})" for one in own)
    return ok(f"Heads of your own are in force: {names}.")


def _own_heads(settings: Settings, task: Task) -> list[HeadRecord]:
    heads, folders = open_heads(settings, task), detector_folders(settings, task)
    return [head.record for folder in folders if (head := own_head(folder, heads))]


def check_calibration(settings: Settings) -> Diagnosis:
    """Loads the models where there is a calibration, to tell whether it is theirs.

    Raises StartupError.
    """
    found = [task for task in tasks_in_force(settings) if find_calibration(settings, task)]
    if not found:
        return ok("There is no calibration of your own; the models' own threshold counts.")
    checked = [_calibration_of(settings, task) for task in found]
    return next((one for one in checked if one.level != "ok"), checked[0])


def _calibration_of(settings: Settings, task: Task) -> Diagnosis:
    from service.analysis.image import Analyzer

    calibration = Analyzer.of_task(settings, task).policy.calibration
    path = settings.calibration_file(task)
    if calibration is None:
        return warning(
            f"The calibration {path} was fitted for other models, so it is ignored.",
            "Run `facegate calibrate DIR --force`, or `facegate calibrate --remove`.",
        )
    images = f"{calibration.images.genuine:,} genuine images"
    return ok(f"The calibration {path} is in force, by {images} ({calibration.made_at[:10]}).")


def check_digest_key(settings: Settings) -> Diagnosis:
    """Raises StartupError."""
    path = local_key(settings)
    if path is None:
        digest_key(settings)
        return ok("The digest key comes from the settings.")
    if not path.exists():
        return ok(f"The digest key will be made at the first start, as {path}.")
    digest_key(settings)
    if path.stat().st_mode & 0o077:
        return warning(f"The digest key {path} can be read by others.", f"chmod 600 {path}")
    if settings.store_kind() == "mongo":
        return ok(f"The digest key is {path}; every host on the same MongoDB needs the same key.")
    return ok(f"The digest key is {path}; licences hang on it, so back it up with the store.")


def check_store(settings: Settings) -> Diagnosis:
    """Raises StartupError."""
    kind = settings.store_kind()
    # A doctor makes no files: made by root, they would be in the service's way.
    if not_yet_made(settings):
        return ok("The store is sqlite; its file will be made at the first start.")
    store = open_store(settings)
    try:
        store.ping()
    except StoreUnavailable:
        remedy = {
            "mongo": "Start MongoDB; check FACEGATE_MONGODB_URI, or its host, user and password.",
            "sqlite": "Check the rights and the free space of the data folder.",
        }
        return failed(f"The store ({kind}) cannot be reached.", remedy.get(kind, ""))
    finally:
        store.close()
    return ok(f"The store ({kind}) answers.")


def check_licences(settings: Settings) -> Diagnosis:
    """Raises StartupError."""
    now = time.time()
    try:
        status = _status(settings, now)
    except StoreUnavailable:
        return warning(
            "Licences cannot be looked up while the store is away.",
            "Bring the store back; known licences are honoured for the grace period.",
        )
    return _licence_finding(status, now)


def local_key(settings: Settings) -> Path | None:
    """The key file in the data folder, where the settings name no other."""
    if settings.digest_key is not None or settings.digest_key_file is not None:
        return None
    return settings.data_dir / "digest.key"


def _status(settings: Settings, now: float) -> LicenceStatus:
    key = b"" if local_key(settings) else digest_key(settings)
    licences = load_licence_files(settings, key)
    if not not_yet_made(settings):
        store = open_store(settings)
        try:
            licences += store.list_licences()
        finally:
            store.close()
    return summarise(licences, now, by_grace=False)


def _licence_finding(status: LicenceStatus, now: float) -> Diagnosis:
    ends = status.days_left.values()
    valid = sum(left is None or left > 0 for left in ends)
    issue = "Issue one with `facegate licence issue`, or import a licence file."
    if not ends:
        return warning("There is no licence, so every request is refused.", issue)
    if not valid:
        return failed("Every licence has expired, so every request is refused.", issue)
    if status.earliest_end is None:
        return ok(f"Valid licences: {valid}, none of them with an end.")
    days = int((status.earliest_end - now) / DAY)
    sentence = f"Valid licences: {valid}; the first ends in {days} days."
    if status.earliest_end - now < SOON:
        return warning(sentence, "Issue or import its successor before that.")
    return ok(sentence)
