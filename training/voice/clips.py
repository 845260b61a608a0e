"""Labelled recordings: a list of files, each decoded once to 16 kHz mono.

The list is a CSV with the columns `source,repo,path,label,system,pair` (more may follow): `repo` a
folder below `--data` in which `path` lies, `label` is `real` or `fake`, `system` what made it,
`pair` joins a copy and the genuine recording of the same sentence (or is empty). `language`, where
there is such a column, is a code like `en`, or empty.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

RATE = 16_000
SHORTEST = 0.25  # seconds
QUIET = 0.03  # of a clip's loud level: what is below at its ends is silence
STEP = 160  # samples: 10 ms


@dataclass(frozen=True)
class Clip:
    """One recording. `home`: it is a copy that was made here; `pair`: "" where there is none."""

    path: str
    fake: bool
    source: str
    system: str
    pair: str = ""
    home: bool = False
    language: str = ""


def listed(file: Path) -> list[Clip]:
    """The clips of a list, but those of which the label is no certain one."""
    with file.open() as rows:
        found = [_clip(row) for row in csv.DictReader(rows)]
    return [clip for clip in found if "maybe" not in clip.system]


def _clip(row: dict[str, str]) -> Clip:
    source = row["source"]
    pair = f"{source}/{row['pair']}" if row["pair"] else ""
    path = f"{row['repo']}/{row['path'].lstrip('/')}"
    language = row.get("language") or ""
    return Clip(path, row["label"] == "fake", source, row["system"], pair, language=language)


def decode(file: Path) -> np.ndarray:
    """16 kHz mono int16."""
    with av.open(str(file), metadata_errors="ignore") as container:
        turn = av.AudioResampler(format="s16", layout="mono", rate=RATE)
        frames = [part for frame in container.decode(audio=0) for part in turn.resample(frame)]
        frames += turn.resample(None)
    return np.concatenate([frame.to_ndarray()[0] for frame in frames])


def cut(sound: np.ndarray) -> np.ndarray:
    """Without the silence before and after: how long that is tells the sources apart."""
    count = len(sound) // STEP
    if count < 10:
        return sound
    peaks = np.abs(sound[: count * STEP].reshape(count, STEP).astype(np.float32)).max(1)
    loud = np.flatnonzero(peaks > QUIET * np.quantile(peaks, 0.98))
    return sound[loud[0] * STEP : (loud[-1] + 1) * STEP] if len(loud) else sound


def usable(clips: list[Clip], root: Path) -> Iterator[tuple[Clip, np.ndarray]]:
    """Every clip that can be decoded and is long enough, cut; the others are left out."""
    for clip in clips:
        try:
            sound = cut(decode(root / clip.path))
        except (OSError, ValueError, IndexError):  # FFmpeg's errors are among them
            print(f"left out: {clip.path}")
            continue
        if len(sound) >= SHORTEST * RATE:
            yield clip, sound
