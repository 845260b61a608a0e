"""Measures a voice model folder on recordings: calibration, thresholds, error rates.

    python -m training.voice.evaluate --list FILE --data DIR --model DIR [--calibrate]

Every recording is judged as in serving: speech found, windows of it, their mean in log-odds. The
list is that of `training.voice.clips`; with `--calibrate` it is what calibration and thresholds
are fitted to, so it must be of sources that training never heard.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from service.analysis.detectors.voice import OnnxVoiceDetector
from service.analysis.voice.speech import RATE, SpeechDetector
from service.analysis.voice.windows import spoken, windows
from training.export.manifest import read_manifest, write_manifest
from training.report import metrics
from training.voice.channel import coded
from training.voice.clips import Clip, listed, usable
from training.voice.signals import resample

RATES = (0.05, 0.1, 0.2)  # BPCER of the operating points
Change = Callable[[np.ndarray, np.random.Generator], np.ndarray]
THINNED = 3  # of the clips one in so many is heard in the other conditions


def as_it_is(sound: np.ndarray, _: np.random.Generator) -> np.ndarray:
    """No change."""
    return sound


CONDITIONS: dict[str, Change] = {
    "as it is": as_it_is,
    "below 4 kHz": lambda sound, _: resample(resample(sound, RATE, 8000), 8000, RATE),
    "Opus": lambda sound, rng: coded(sound, "opus", rng),
    "MP3": lambda sound, rng: coded(sound, "mp3", rng),
    "AAC": lambda sound, rng: coded(sound, "aac", rng),
    "AMR": lambda sound, rng: coded(sound, "amr", rng),
    "noise, 15 dB": lambda sound, rng: _noisy(sound, 15, rng),
}
FAMILIES = {
    "copysyn": "vocoder copies",
    "codec": "neural codecs",
    "slm": "spoken language models",
    "tts": "text to speech",
    "vc": "voice conversion",
    "wavegrad": "vocoder copies",
}


@dataclass(frozen=True, eq=False)
class Heard:
    """Arrays of equal length; `logit` before calibration, NaN where there was no speech."""

    logit: np.ndarray
    fake: np.ndarray
    source: np.ndarray
    system: np.ndarray

    def where(self, mask: np.ndarray) -> Heard:
        return Heard(**{name: values[mask] for name, values in vars(self).items()})


class Ear:
    """Hears recordings as the service does."""

    def __init__(self, model: Path) -> None:
        self._speech = SpeechDetector(model.parent)
        self._detector = OnnxVoiceDetector(model, bpcer=RATES[0])

    def logit(self, sound: np.ndarray) -> float:
        """The mean over windows, by how much speech is in them; NaN where nobody speaks."""
        stretches = self._speech.find(sound).stretches
        if not stretches:
            return float("nan")
        cut = windows(stretches, self._detector.seconds)
        weights = [spoken(one, stretches) for one in cut]
        return float(
            np.average([self._detector.logit(sound[a:b]) for a, b in cut], weights=weights)
        )


def hear(ear: Ear, clips: Sequence[tuple[Clip, np.ndarray]], change: Change) -> Heard:
    """Every clip after a change, each with random numbers of its own."""
    logits = []
    for number, (_, sound) in enumerate(clips):
        heard = sound.astype(np.float32) / 2**15
        logits.append(ear.logit(change(heard, np.random.default_rng(number))))
    return Heard(
        np.array(logits),
        np.array([clip.fake for clip, _ in clips]),
        np.array([clip.source for clip, _ in clips]),
        np.array([clip.system for clip, _ in clips]),
    )


def figures(plain: Heard) -> dict[str, Any]:
    """D-EER pooled, by source and by family, with intervals over groups of source and system."""
    seen = plain.where(np.isfinite(plain.logit))
    kinds = np.array([_family(system) for system in seen.system])
    families = sorted(set(kinds[seen.fake]))
    both = [one for one in sorted(set(seen.source)) if len(set(seen.fake[seen.source == one])) == 2]
    inside = np.isin(seen.source, both)
    return {
        "without_speech": int((~np.isfinite(plain.logit)).sum()),
        "pooled": eer(seen),
        "sources_with_both": eer(seen.where(inside)),
        "by_source": {one: eer(seen.where(seen.source == one)) for one in both},
        "by_family": {one: eer(seen.where((kinds == one) | ~seen.fake)) for one in families},
        "auc": metrics.auc(seen.logit, seen.fake),
    }


def eer(heard: Heard) -> dict[str, Any]:
    """The rate with its interval, and of how many."""
    groups = np.char.add(np.char.add(heard.source, " "), heard.system)
    found = metrics.interval(
        lambda rows: metrics.d_eer(heard.logit[rows], heard.fake[rows]), groups
    )
    return {**found, "genuine": int((~heard.fake).sum()), "synthetic": int(heard.fake.sum())}


def calibrated(heard: Heard, folder: Path) -> dict[str, Any]:
    """Slope, intercept and thresholds into the manifest; APCER and BPCER at them."""
    seen = heard.where(np.isfinite(heard.logit))
    weights = metrics.balanced(seen.fake, seen.source)
    slope, intercept = metrics.platt(seen.logit, seen.fake, weights)
    p = metrics.sigmoid(slope * seen.logit + intercept)
    even = np.ones(int((~seen.fake).sum()))
    found = {rate: metrics.threshold_at(p[~seen.fake], rate, even) for rate in RATES}
    points = [{"bpcer": r, "threshold": round(t, 5)} for r, t in found.items() if t is not None]
    calibration = {"slope": round(slope, 5), "intercept": round(intercept, 5)}
    fields = {**read_manifest(folder), "calibration": calibration, "operating_points": points}
    write_manifest(folder, {**fields, "default_bpcer": points[0]["bpcer"]})
    return {
        "ece": metrics.ece(p, seen.fake, weights),
        "points": [
            {**one, "apcer": metrics.apcer(p[seen.fake], one["threshold"])} for one in points
        ],
    }


def _family(system: str) -> str:
    return FAMILIES.get(system.split("_", maxsplit=1)[0], "others")


def _noisy(sound: np.ndarray, decibels: float, rng: np.random.Generator) -> np.ndarray:
    noise = rng.normal(0, sound.std() * 10 ** (-decibels / 20), len(sound))
    return np.asarray(sound + noise, np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--list", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--calibrate", action="store_true")
    args = parser.parse_args()
    ear, clips = Ear(args.model), list(usable(listed(args.list), args.data))
    heard = {
        name: hear(ear, clips if change is as_it_is else clips[::THINNED], change)
        for name, change in CONDITIONS.items()
    }
    plain = heard["as it is"]
    found = figures(plain)
    found["by_condition"] = {
        name: eer(one.where(np.isfinite(one.logit))) for name, one in heard.items()
    }
    if args.calibrate:
        found["calibration"] = calibrated(plain, args.model)
    (args.model / "metrics.json").write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found["pooled"]), json.dumps(found["sources_with_both"]))


if __name__ == "__main__":
    main()
