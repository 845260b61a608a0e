"""Score a labelled folder by each detector, once, and keep the scores."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from service.analysis.decision.rules import log_odds
from service.analysis.image import Analyzer
from service.analysis.judgement import ImageAnalysis
from service.errors import CannotJudge, ImageError, NoDetectorAnswered, StartupError
from service.fitting.cross_validation import Table
from service.fitting.dataset import GENUINE, images_in
from service.judging.judge import Judge
from service.media.medium import Medium
from service.repository.manifest import DEEPFAKE
from service.repository.registry import detector_folders
from service.runtime.console import note
from service.settings import Settings

Scores = dict[Path, float | None]


def score_folder(folder: Path, settings: Settings) -> Table:
    """The log-odds of every image that could be judged, a column for each detector in force.

    Detectors come one after the other, each with what it said kept in a file of its own: another
    one that is added later is asked alone. Raises StartupError when one does not answer.
    """
    images = {image.path: image for image in images_in(folder)}
    files = sorted(images)
    columns = [
        scores(files, folder, settings, detector.name) for detector in detector_folders(settings)
    ]
    judged = [file for file in files if all(column[file] is not None for column in columns)]
    said = [[log_odds(column[file] or 0.0) for column in columns] for file in judged]
    values = np.array(said, dtype=float).reshape(-1, len(columns))
    known = [images[file] for file in judged]
    species = [image.source if image.fake else GENUINE for image in known]
    return Table(
        values,
        np.array([image.fake for image in known], dtype=bool),
        np.array(species, dtype=str),
        np.array([image.group for image in known], dtype=str),
    )


def scores(files: list[Path], folder: Path, settings: Settings, detector: str) -> Scores:
    """What one detector says of each file; None where no face can be judged.

    What it said of the same file before is not asked again, so an interrupted run goes on where it
    stopped.
    """
    alone = settings.model_copy(update={"detectors": (detector,)})
    analyzer = Analyzer.of_task(alone, DEEPFAKE, calibrated=False)
    judge, kept = Judge.of(alone, analyzer), kept_scores(settings, detector, analyzer)
    kept.parent.mkdir(parents=True, exist_ok=True)
    known, found = dict(_read(kept)), {}
    with kept.open("a") as out:
        for number, file in enumerate(files, 1):
            key = _key(file, folder)
            if key not in known:
                known[key] = _score(file, judge, detector)
                out.write(json.dumps([key, known[key]]) + "\n")
                out.flush()
            found[file] = known[key]
            if number % 100 == 0 or number == len(files):
                note(f"{detector}: {number} of {len(files)} images")
    return found


def kept_scores(settings: Settings, detector: str, analyzer: Analyzer) -> Path:
    """The file is another one as soon as the detector could give another answer."""
    return settings.data_dir / "ensemble" / "scores" / f"{detector}-{analyzer.fingerprint}.jsonl"


def _key(file: Path, folder: Path) -> str:
    """Changes when the image does."""
    about = file.stat()
    return f"{file.relative_to(folder)} {about.st_size} {about.st_mtime_ns}"


def _read(kept: Path) -> Iterator[tuple[str, float | None]]:
    """The last line may be half written."""
    for line in kept.read_text().splitlines() if kept.exists() else ():
        try:
            key, said = json.loads(line)
            yield str(key), said
        except (ValueError, TypeError):
            continue


def _score(file: Path, judge: Judge, detector: str) -> float | None:
    """The probability of the most prominent face."""
    try:
        medium = Medium.of(file.read_bytes(), "image")
        analysis = judge.judge(medium, owner=None).analysis
        assert isinstance(analysis, ImageAnalysis)
        return analysis.faces[0].detectors[0].probability
    except (ImageError, CannotJudge):
        return None
    except NoDetectorAnswered:
        raise StartupError(
            f"The detector {detector} did not answer.", "Start it, and run this again."
        ) from None
