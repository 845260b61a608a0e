"""`facegate calibrate`: threshold and probabilities fitted to the operator's own images."""

from __future__ import annotations

from pathlib import Path

from service.analysis.audio import voice_settings
from service.analysis.decision.calibration import LocalCalibration
from service.analysis.video import video_calibration
from service.audit.acts import note_act
from service.errors import StartupError
from service.fitting import metrics
from service.fitting.calibration import enough, fit
from service.fitting.contents import NAMES, kind_in, note_left_out
from service.fitting.dataset import Judging, Scored, genuine_or_labelled, loaded, score
from service.repository.manifest import DEEPFAKE, Task
from service.runtime.console import note
from service.runtime.files import replace_file
from service.settings import Settings, load_settings


def calibrate(folder: Path, bpcer: float | None, *, force: bool, task: Task = DEEPFAKE) -> None:
    """Write the calibration and say what it does. Raises StartupError when it cannot be stated."""
    settings = load_settings()
    own = settings.fitted_dir(task) / "calibration.json"
    path = calibration_of(folder, settings) if task == DEEPFAKE else own
    rate = bpcer or settings.bpcer
    if path.exists() and not force:
        raise StartupError(f"There is a calibration already: {path}.", "Replace it with --force.")
    images, of = genuine_or_labelled(folder), NAMES[kind_in(folder)]
    note_left_out(folder)
    enough(sum(not image.fake for image in images), rate, of)
    analyzer = loaded(folder, settings, calibrated=False, task=task)
    if analyzer.policy.fusion.name == "voting":
        raise StartupError("Votes cannot be calibrated.", "Set FACEGATE_FUSION to another fusion.")
    scored = score(analyzer, settings, images)
    calibration = fit(analyzer, scored, rate, of)
    write(path, calibration)
    note_act(settings, "calibration written")
    tell(path, calibration, analyzer, scored, of)
    warn_of_setting(settings, path)


def remove(task: Task = DEEPFAKE) -> None:
    """Delete the calibration in the data folder, where there is one."""
    settings = load_settings()
    path = settings.fitted_dir(task) / "calibration.json"
    own = [voice_settings(settings).calibration_file(), video_calibration(settings)]
    others = own if task == DEEPFAKE else []
    found = [one for one in (path, *others) if one.exists()]
    for one in found:
        one.unlink()
        note_act(settings, "calibration removed")
        print(f"Removed {one}. Restart the service: the models' own threshold counts again.")
    if not found:
        print(f"There is no calibration in {path.parent}.")
    warn_of_setting(settings, path)


def calibration_of(folder: Path, settings: Settings) -> Path:
    """Voices and videos have one of their own."""
    kind = kind_in(folder)
    if kind == "audio":
        return voice_settings(settings).calibration_file()
    if kind == "video":
        return video_calibration(settings)
    return settings.data_dir / "calibration.json"


def write(path: Path, calibration: LocalCalibration) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, f"{calibration.model_dump_json(indent=2)}\n".encode())
    except OSError as error:
        raise StartupError(
            f"The calibration {path} cannot be written: {error.strerror}.",
            "Give this user the right to write there, or set FACEGATE_DATA_DIR.",
        ) from None


def tell(
    path: Path, calibration: LocalCalibration, analyzer: Judging, scored: Scored, of: str = "images"
) -> None:
    genuine = scored.probability[scored.has_score & ~scored.fake]
    before = metrics.bpcer(genuine, analyzer.policy.fusion.threshold)
    low, high = calibration.bpcer_interval.low, calibration.bpcer_interval.high
    threshold = calibration.threshold(calibration.bpcer)
    print(f"Written: {path}. It counts from the next start of the service.")
    print(
        f"Threshold {threshold:.4f} stands for a BPCER of {calibration.bpcer:.2%}"
        f" (95 %: {low:.2%} to {high:.2%}), by {calibration.images.genuine:,} genuine {of}."
    )
    own = analyzer.policy.fusion.threshold
    print(f"The models' own threshold, {own:.4f}, refuses {before:.2%} of them.")
    if calibration.images.attacks:
        print(
            f"Probabilities: slope {calibration.slope:.3f}, intercept {calibration.intercept:.3f},"
            f" by {calibration.images.attacks:,} attacks."
        )
    if calibration.images.without_answer:
        note(f"{of.capitalize()} without an answer, left out: {calibration.images.without_answer}.")


def warn_of_setting(settings: Settings, path: Path) -> None:
    """The setting names the calibration of images."""
    if path != settings.data_dir / "calibration.json":
        return
    if settings.calibration is not None and settings.calibration.absolute() != path.absolute():
        note(f"FACEGATE_CALIBRATION is set, so {settings.calibration} counts, and not {path}.")
