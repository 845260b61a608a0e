"""Read a folder of labelled images, and score them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from service.analysis.audio import Silent, VoiceAnalyzer, load_voice
from service.analysis.image import Analyzer
from service.analysis.video import VideoPipeline
from service.cloud.bulk import judge_all
from service.errors import StartupError
from service.fitting.contents import is_of, kind_in
from service.judging.judge import Judge
from service.media.kinds import Kind
from service.repository.manifest import DEEPFAKE, Task
from service.runtime.progress import progress
from service.settings import Settings

UNNAMED = "unnamed"  # what lies in no sub-folder
GENUINE = "genuine"
Judging = Analyzer | VoiceAnalyzer | VideoPipeline


@dataclass(frozen=True)
class Labelled:
    """One image file. `group` joins images that are not independent of each other."""

    path: Path
    fake: bool
    source: str
    group: str


@dataclass(frozen=True, eq=False)
class Scored:
    """Arrays of equal length; `probability` is NaN and `code` says why where there is no answer.

    `source` of an attack is its species.
    """

    probability: np.ndarray
    code: np.ndarray
    fake: np.ndarray
    source: np.ndarray
    group: np.ndarray

    def where(self, mask: np.ndarray) -> Scored:
        return Scored(**{name: values[mask] for name, values in vars(self).items()})

    @property
    def has_score(self) -> np.ndarray:
        return np.asarray(np.isfinite(self.probability))


def loaded(
    folder: Path, settings: Settings, *, calibrated: bool = True, task: Task = DEEPFAKE
) -> Judging:
    """What judges the media of a folder; `task`: of images. Raises StartupError."""
    kind = kind_in(folder)
    if kind == "image":
        return Analyzer.of_task(settings, task, calibrated=calibrated)
    if kind == "video":  # by their faces; their sound has a calibration of its own
        return VideoPipeline(settings, Analyzer.of_task(settings, DEEPFAKE, calibrated=calibrated))
    found = load_voice(settings, calibrated=calibrated)
    if isinstance(found, Silent):
        raise StartupError(
            "No voice detector is in force.", "Set FACEGATE_VOICE to advise or decide."
        )
    return found


def labelled(folder: Path) -> list[Labelled]:
    """What `images_in` finds. Raises StartupError when that is nothing."""
    found = images_in(folder)
    if not found:
        raise StartupError(
            f"There is no image, video or recording in {folder / 'real'} or {folder / 'fake'}.",
            "Put genuine ones into real/ and attacks into fake/, sub-folders being species; or"
            " genuine ones into genuine/PERSON/ and attacks into SPECIES/PERSON/.",
        )
    return found


def images_in(folder: Path) -> list[Labelled]:
    """Images of which it is known what they are, in one of two layouts.

    DIR/real/[SOURCE/[PERSON/]]image with DIR/fake/[SPECIES/[PERSON/]]image, or
    DIR/genuine/PERSON/image with DIR/SPECIES/PERSON/image.
    """
    return _by_person(folder) if _is_by_person(folder) else _by_truth(folder)


def genuine_or_labelled(folder: Path) -> list[Labelled]:
    """The same, or, without real/ and genuine/, every image below as a genuine one."""
    if (folder / "real").is_dir() or _is_by_person(folder):
        return labelled(folder)
    found = _below(folder, fake=False, kind=kind_in(folder))
    if not found:
        raise StartupError(
            f"There is no image file in {folder}.",
            "Name a folder of genuine images, or one that holds real/ and fake/.",
        )
    return found


def score(analyzer: Judging, settings: Settings, images: Sequence[Labelled]) -> Scored:
    """Judge all images, on all cores and as in serving; a bar shows how far it is."""
    probabilities, codes = [], []
    judge = Judge.of(settings, analyzer)
    with progress(len(images)) as advance:
        for outcome in judge_all(judge, settings, [str(image.path) for image in images]):
            probabilities.append(outcome.analysis.probability if outcome.analysis else np.nan)
            codes.append(outcome.error.code if outcome.error else "")
            advance()
    return Scored(
        probability=np.array(probabilities, float),
        code=np.array(codes, dtype=str),
        fake=np.array([image.fake for image in images], bool),
        source=np.array([image.source for image in images], dtype=str),
        group=np.array([image.group for image in images], dtype=str),
    )


def _is_by_person(folder: Path) -> bool:
    return (folder / GENUINE).is_dir() and not any(
        (folder / name).is_dir() for name in ("real", "fake")
    )


def _by_truth(folder: Path) -> list[Labelled]:
    kind = kind_in(folder)
    genuine = _below(folder / "real", fake=False, kind=kind)
    return [*genuine, *_below(folder / "fake", fake=True, kind=kind)]


def _by_person(folder: Path) -> list[Labelled]:
    """A person's folders are joined over all species."""
    found = _below(folder, fake=True, kind=kind_in(folder))
    below = (image for image in found if image.source != UNNAMED)
    return [
        replace(image, fake=image.source != GENUINE, group=_person(image.path, folder))
        for image in below
    ]


def _person(path: Path, folder: Path) -> str:
    inside = path.relative_to(folder).parts
    return inside[1] if len(inside) > 2 else str(path)


def _below(root: Path, *, fake: bool, kind: Kind) -> list[Labelled]:
    paths = (path for path in sorted(root.rglob("*")) if is_of(kind, path))
    return [_labelled(path, root, fake) for path in paths if path.is_file()]


def _labelled(path: Path, root: Path, fake: bool) -> Labelled:
    """Below a source, a folder of its own joins images: those of one person, or of one video."""
    folders = path.relative_to(root).parts[:-1]
    group = path.parent if len(folders) > 1 else path
    return Labelled(path, fake, folders[0] if folders else UNNAMED, str(group))
