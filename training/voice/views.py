"""Views of clips: two seconds of each through drawn channels, made once and read by training.

    python -m training.voice.views --list FILE --data DIR --out DIR
                                   [--vocoder FILE] [--copies NAME ...]

`--list` is described in `training.voice.clips`. Copies of the genuine clips are made on the way.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from training.voice.channel import CODECS, coded, passed
from training.voice.clips import RATE, Clip, listed, usable
from training.voice.copies import COPIES, Copy, neural

LENGTH = 2 * RATE  # samples of a view
MOST = 4 * RATE  # samples of a clip that a copy is made of
LIGHT, CODED = 0.6, 0.12  # the strongest light channel; share of views that a codec changes
COPIED = 0.1  # of the genuine clips, by each kind of copy


def view(
    sound: np.ndarray, rng: np.random.Generator, strength: float, share: float = CODED
) -> np.ndarray:
    """A stretch of a clip, repeated up to two seconds, through a channel; int16."""
    longest = LENGTH if rng.random() < 0.7 else int(rng.uniform(1, 2) * RATE)
    heard = _loud(_stretch(sound, longest, rng), rng)
    heard = _loud(passed(heard, strength, rng), rng)
    if rng.random() < share:
        heard = coded(heard, str(rng.choice(list(CODECS))), rng)
    whole = np.resize(heard, LENGTH)
    level = 10 ** (-rng.uniform(15, 32) / 20) / (np.sqrt(np.mean(whole**2)) + 1e-6)
    return np.asarray(np.clip(whole * level, -1, 1) * 32767, np.int16)


def with_copies(
    clips: Iterator[tuple[Clip, np.ndarray]],
    makers: dict[str, Copy],
    rng: np.random.Generator,
) -> Iterator[tuple[Clip, np.ndarray]]:
    """Every clip as float32, and behind some genuine ones what vocoders make of them."""
    for clip, sound in clips:
        heard = sound.astype(np.float32) / 2**15
        yield clip, heard
        for name, make in makers.items():
            if not clip.fake and len(heard) > RATE and rng.random() < COPIED:
                copy = make(_stretch(heard, MOST, rng), rng)
                pair = clip.pair or clip.path
                yield replace(clip, fake=True, system=f"home_{name}", pair=pair, home=True), copy


def write(
    clips: Iterator[tuple[Clip, np.ndarray]], out: Path, counts: Sequence[float], seed: int
) -> None:
    """OUT/views.npy and OUT/views.json; `counts`: the strengths of each clip's views."""
    rng = np.random.default_rng(seed)
    found, about = [], []
    for clip, sound in clips:
        for most in counts:
            found.append(view(sound, rng, rng.uniform(0, most)))
            about.append(asdict(clip))
    out.mkdir(parents=True, exist_ok=True)
    np.save(out / "views.npy", np.stack(found))
    (out / "views.json").write_text(json.dumps(about))


def _stretch(sound: np.ndarray, longest: int, rng: np.random.Generator) -> np.ndarray:
    start = int(rng.integers(max(1, len(sound) - longest + 1)))
    return sound[start : start + longest]


def _loud(sound: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.asarray(sound / (np.abs(sound).max() + 1e-6) * rng.uniform(0.2, 0.95), np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--list", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--vocoder", type=Path, help="ONNX file of a neural vocoder")
    parser.add_argument("--copies", nargs="*", choices=COPIES, default=list(COPIES))
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    makers = {name: COPIES[name] for name in args.copies}
    if args.vocoder:
        makers |= {"neural": neural(args.vocoder, False), "smooth": neural(args.vocoder, True)}
    rng = np.random.default_rng(args.seed)
    clips = with_copies(usable(listed(args.list), args.data), makers, rng)
    write(clips, args.out, (LIGHT, LIGHT, 1.0), args.seed)


if __name__ == "__main__":
    main()
