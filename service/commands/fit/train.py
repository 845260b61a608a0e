"""`facegate train`: other heads for the models, fitted to the operator's own images.

They are judged on images held out, against the shipped heads, and kept only where they are better.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from service.analysis.decision.calibration import find_calibration
from service.analysis.detectors.base import Detector
from service.analysis.detectors.load import load_detectors
from service.analysis.detectors.onnx import OnnxDetector
from service.analysis.face.blazeface import FaceDetector
from service.analysis.image import Analyzer
from service.audit.acts import note_act
from service.commands.fit import calibrate
from service.errors import StartupError
from service.fitting import metrics
from service.fitting.calibration import FEWEST_ATTACKS, fit
from service.fitting.dataset import Scored
from service.fitting.features import Gathering, forget
from service.fitting.heads import Material, Retrained, fused, retrain
from service.fitting.paired_bootstrap import Comparison, compare
from service.fitting.report import shown
from service.fitting.split import SHARE, Album, open_album
from service.repository.heads import find_heads, remove_heads, write_heads
from service.repository.manifest import DEEPFAKE, Task
from service.repository.registry import check_models
from service.runtime.console import note, print_table
from service.settings import Settings, load_settings

REFUSED = 1
COLUMNS = ("model", "head", "AUC", "APCER, mean of species", "gain in AUC")


@dataclass(frozen=True, eq=False)
class Models:
    """The detectors of a task as they were shipped, and what finds the faces for them."""

    task: Task
    faces: FaceDetector
    detectors: tuple[Detector, ...]


@dataclass(frozen=True, eq=False)
class HeadTrial:
    """New heads that are better by themselves, the analyzer that has them, and how it did on the
    images held out against the one that has the shipped heads."""

    kept: tuple[Retrained, ...]
    analyzer: Analyzer
    scored: Scored
    comparison: Comparison


def train(folder: Path, *, dry_run: bool, force: bool, task: Task = DEEPFAKE) -> int:
    """Fit, judge, write; 1 when the new heads are not better, so that nothing is written.

    Raises StartupError when they cannot be fitted or judged.
    """
    settings, album = load_settings(), open_album(folder)
    _enough(album, album.held_out, settings.bpcer)
    models = _open(settings, task)
    gathering = Gathering(settings, models.faces, models.detectors, task)
    material = Material(album, tuple(gathering.all(album)))
    _enough(album, album.held_out & material.has_score, settings.bpcer)
    tried = [_retrain(one, material, settings.bpcer) for one in _retrainable(models.detectors)]
    kept = [one for one in tried if force or one.comparison.better]
    trial = _try(settings, models, material, kept)
    _print(tried, trial, settings.bpcer)
    if not (force or trial.comparison.better):
        print(
            "Not written: on the images held out, the new head is not better than the shipped one."
        )
        return REFUSED
    if dry_run:
        print("Nothing was written: this was a dry run.")
        return 0
    _write(settings, trial, task)
    written = [one.head.record.made_for.name for one in trial.kept]
    note_act(settings, "heads written", models=written)
    return 0


def remove(task: Task = DEEPFAKE) -> None:
    """Back to the shipped heads; the calibration that was fitted with the others goes, too."""
    settings = load_settings()
    identity = _identity(settings, task)
    _remove_calibration(settings, identity, task)
    there = remove_heads(settings, task)
    forget(settings, task)
    if there:
        note_act(settings, "heads removed")
        print("Removed your own heads. Restart the service: the shipped ones count again.")
    else:
        print(f"There is no head of your own in {settings.fitted_dir(task)}.")


def _open(settings: Settings, task: Task) -> Models:
    """The models as they were shipped. Raises StartupError when none can be retrained."""
    check_models(settings, {}, task)
    cv2.setNumThreads(1)  # images are judged side by side
    detectors = load_detectors(settings, {}, task)
    if not _retrainable(detectors):
        names = ", ".join(detector.name for detector in detectors)
        raise StartupError(
            f"No model in force can be retrained, for none gives out what its head sees: {names}.",
            "Use models whose manifests name `features` among the outputs, and a `head`.",
        )
    if settings.fusion == "voting" and len(detectors) > 1:
        raise StartupError("Votes cannot be calibrated.", "Set FACEGATE_FUSION to another fusion.")
    return Models(task, FaceDetector(settings.models_dir), detectors)


def _retrainable(detectors: Sequence[Detector]) -> list[tuple[int, OnnxDetector]]:
    """Detectors whose head can be fitted, with their places among all."""
    pairs = enumerate(detectors)
    return [(i, d) for i, d in pairs if isinstance(d, OnnxDetector) and d.can_be_retrained]


def _retrain(placed: tuple[int, OnnxDetector], material: Material, bpcer: float) -> Retrained:
    place, detector = placed
    note(f"Fitting another head of {detector.name}, which takes up to a minute.")
    return retrain(detector, place, material, bpcer)


def _try(
    settings: Settings, models: Models, material: Material, kept: Sequence[Retrained]
) -> HeadTrial:
    heads = {one.head.record.made_for.name: one.head for one in kept}
    faces, task = models.faces, models.task
    shipped = Analyzer(settings, faces, models.detectors, calibrated=False, task=task)
    own = load_detectors(settings, heads, task)
    analyzer = Analyzer(settings, faces, own, calibrated=False, task=task)
    held = material.album.held_out
    seen = [one for one, wanted in zip(material.seen, held, strict=True) if wanted]
    before, after = fused(shipped, seen), fused(analyzer, seen, {one.place: one for one in kept})
    scored, judged = material.scored(after, held), np.isfinite(after)
    comparison = compare(before[judged], after[judged], scored.where(judged), settings.bpcer)
    return HeadTrial(tuple(kept), analyzer, scored, comparison)


def _enough(album: Album, held: np.ndarray, bpcer: float) -> None:
    """Raises StartupError where too few images are held out to judge and calibrate by."""
    genuine, attacks = int((~album.fake[held]).sum()), int(album.fake[held].sum())
    needed = math.ceil(metrics.FEWEST / bpcer)
    for count, least, what, where in (
        (genuine, needed, "genuine images", "real/"),
        (attacks, FEWEST_ATTACKS, "attacks", "fake/"),
    ):
        if count < least:
            raise StartupError(
                f"{count:,} {what} can be held out to judge a new head by: {least:,} are needed.",
                f"Add some to {where}, to about {math.ceil(least / SHARE):,} in all"
                + (", or accept a higher FACEGATE_BPCER." if what == "genuine images" else "."),
            )


def _print(tried: Sequence[Retrained], trial: HeadTrial, bpcer: float) -> None:
    rows = [(one.head.record.made_for.name, one.comparison) for one in tried]
    if len(trial.analyzer.thresholds) > 1:
        rows.append((f"all, by {trial.analyzer.policy.fusion.name}", trial.comparison))
    print_table(COLUMNS, [line for name, found in rows for line in _lines(name, found)])
    images = tried[0].head.record.images
    print(
        f"Held out: {images.genuine_held_out:,} genuine images and {images.attacks_held_out:,}"
        f" attacks; fitted to {images.genuine:,} and {images.attacks:,} others."
    )
    note(f"APCER at the threshold that refuses {bpcer:.2%} of the genuine images held out.")
    note("All this is of images like these; attacks of other kinds may be told worse than before.")


def _lines(name: str, found: Comparison) -> list[tuple[str | None, ...]]:
    return [
        (name, "shipped", shown(found.auc_before), shown(found.apcer_before), None),
        (name, "new", shown(found.auc_after), shown(found.apcer_after), shown(found.auc_gain)),
    ]


def _write(settings: Settings, trial: HeadTrial, task: Task) -> None:
    path, policy = settings.fitted_dir(task) / "calibration.json", trial.analyzer.policy
    calibration = fit(trial.analyzer, trial.scored, settings.bpcer)
    try:
        folder = write_heads(settings, policy.identity, [one.head for one in trial.kept], task)
    except OSError as error:
        raise StartupError(
            f"The new heads cannot be written: {error.strerror}.",
            "Give this user the right to write into the data folder, or set FACEGATE_DATA_DIR.",
        ) from None
    names = ", ".join(one.head.record.made_for.name for one in trial.kept)
    print(f"Written: new heads of {names}, in {folder}. `facegate train --remove` takes them back.")
    calibrate.write(path, calibration)
    calibrate.tell(path, calibration, trial.analyzer, trial.scored)
    calibrate.warn_of_setting(settings, path)


def _identity(settings: Settings, task: Task) -> str | None:
    """The identity of the analyzer that has the operator's heads."""
    try:
        found = find_heads(settings, task)
    except StartupError:
        return None  # a damaged record is removed as well
    return found.identity if found else None


def _remove_calibration(settings: Settings, identity: str | None, task: Task) -> None:
    """Remove the calibration that holds for no other heads."""
    own = settings.model_copy(update={"calibration": None})
    try:
        found = find_calibration(own, task)
    except StartupError:
        return
    if found and identity and found.fits(identity):
        own.calibration_file(task).unlink()
        print(f"Removed {own.calibration_file(task)}, which was fitted with your own heads.")
