"""The policy over time: from the faces of frames to tracks, and from those to one decision."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from service.analysis.decision.rules import log_odds, sigmoid
from service.analysis.judgement import DetectorScore, Predictions, Track
from service.analysis.tracks import Path
from service.errors import Reason

TRIMMED = 0.2  # share of a track's frames left out at either end before the mean
PROMINENT = 0.35  # of the widest track's width, as in an image
LASTING = 0.25  # of the longest track's frames; what is seen for less is a bystander or an error
FEWEST = 3  # frames that a face is judged in; with fewer a video says hardly more than an image
WARNED = 0.5  # share of a track's frames with a reason that makes it one of the video's


def robust_mean(probabilities: Sequence[float]) -> float:
    """Mean of the log-odds without the extremes, as a probability."""
    values = np.sort([log_odds(one) for one in probabilities])
    cut = int(TRIMMED * len(values))
    return sigmoid(float(values[cut : len(values) - cut].mean()))


def tracks_of(paths: Sequence[Path]) -> tuple[Track, ...]:
    """What was found in each path, in their order."""
    most = max(len(one.faces) for one in paths)
    widest = max(one.width for one in paths if len(one.faces) >= LASTING * most)
    return tuple(_track(one, widest, most) for one in paths)


def _track(path: Path, widest: float, most: int) -> Track:
    probabilities = [one.judgement.probability for one in path.faces]
    return Track(
        first=path.faces[0].time,
        last=path.faces[-1].time,
        frames=len(path.faces),
        width=path.width,
        prominent=len(path.faces) >= LASTING * most and path.width >= PROMINENT * widest,
        probability=robust_mean(probabilities),
        spread=float(np.std([log_odds(one) for one in probabilities])),
        detectors=_detectors(path),
    )


def _detectors(path: Path) -> Predictions:
    """Each detector's robust mean over the frames in which it answered."""
    said: dict[tuple[str, str], list[float]] = {}
    for face in path.faces:
        for one in face.judgement.detectors:
            said.setdefault((one.name, one.version), []).append(one.probability)
    return tuple(DetectorScore(*name, robust_mean(values)) for name, values in said.items())


def counted(tracks: Sequence[Track], multi_face: str) -> int:
    """Index of the track that decides: the worst of the prominent ones, or the largest."""
    prominent = [number for number, one in enumerate(tracks) if one.prominent]
    if multi_face == "largest":
        return prominent[0]
    return max(prominent, key=lambda number: tracks[number].probability)


def reasons(tracks: Sequence[Track], path: Path) -> tuple[Reason, ...]:
    """Warnings: of the number of faces, of the time, then those of most of the track's frames."""
    several = [Reason.TOO_MANY_FACES] if sum(one.prominent for one in tracks) > 1 else []
    short = [Reason.VIDEO_TOO_SHORT] if len(path.faces) < FEWEST else []
    found = Counter(r for face in path.faces for r in face.judgement.quality.reasons)
    most = [reason for reason, count in found.items() if count >= WARNED * len(path.faces)]
    return tuple(dict.fromkeys([*several, *short, *most]))
