"""Measures a voice model folder on recordings: calibration, thresholds, error rates.

    python -m training.voice.evaluate --list FILE --data DIR --model DIR [--calibrate]
                                      [--seen FILE] [--plot FILE]

Every recording is judged as in serving: speech found, windows of it, their mean in log-odds. The
list is that of `training.voice.clips`; with `--calibrate` it is what calibration and thresholds
are fitted to, so it must be of sources that training never heard. `--seen` is a list of sources
that it did hear, for comparison.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from service.analysis.decision.rules import log_odds
from service.analysis.detectors.voice import OnnxVoiceDetector
from service.analysis.voice.speech import RATE, SpeechDetector
from service.analysis.voice.windows import spoken, windows
from service.fitting import metrics
from training.export.manifest import read_manifest, write_manifest
from training.voice.channel import coded
from training.voice.clips import Clip, listed, usable
from training.voice.signals import resample

RATES = (0.05, 0.1, 0.2)  # BPCER of the operating points
Change = Callable[[np.ndarray, np.random.Generator], np.ndarray]
THINNED = 3  # of the clips one in so many is heard in the other conditions
FEWEST = 20  # recordings of a language and kind that a figure is given of


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
    language: np.ndarray

    @property
    def judged(self) -> Heard:
        """The recordings in which somebody spoke."""
        return self.where(np.isfinite(self.logit))

    def where(self, mask: np.ndarray) -> Heard:
        return Heard(**{name: values[mask] for name, values in vars(self).items()})


class VoiceScorer:
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


def hear(ear: VoiceScorer, clips: Sequence[tuple[Clip, np.ndarray]], change: Change) -> Heard:
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
        np.array([clip.language for clip, _ in clips]),
    )


def figures(plain: Heard) -> dict[str, Any]:
    """D-EER pooled, by source and by family, with intervals over groups of source and system."""
    seen = plain.judged
    both = [one for one in sorted(set(seen.source)) if len(set(seen.fake[seen.source == one])) == 2]
    inside = np.isin(seen.source, both)
    return {
        "without_speech": int((~np.isfinite(plain.logit)).sum()),
        "pooled": eer(seen),
        "sources_with_both": eer(seen.where(inside)),
        "by_source": {one: eer(seen.where(seen.source == one)) for one in both},
        "by_family": by_family(seen),
        "auc": metrics.auc(seen.logit, seen.fake),
    }


def by_family(heard: Heard) -> dict[str, Any]:
    """Each family of systems against all genuine recordings."""
    kinds = np.array([_family(system) for system in heard.system])
    return {
        one: eer(heard.where((kinds == one) | ~heard.fake))
        for one in sorted(set(kinds[heard.fake]))
    }


def by_language(heard: Heard, threshold: float) -> dict[str, Any]:
    """BPCER and D-EER of each language that is known of enough recordings; `threshold`: a logit."""
    found: dict[str, Any] = {}
    for one in sorted(set(heard.language) - {""}):
        mine = heard.where(heard.language == one)
        genuine, fake = int((~mine.fake).sum()), int(mine.fake.sum())
        if genuine >= FEWEST:
            refused = int((mine.logit[~mine.fake] >= threshold).sum())
            bpcer = {"genuine": genuine, "bpcer": metrics.proportion(refused, genuine)}
            found[one] = bpcer | ({"eer": eer(mine)} if fake >= FEWEST else {})
    return found


def eer(heard: Heard) -> dict[str, Any]:
    """The rate with its interval, and of how many."""
    groups = np.char.add(np.char.add(heard.source, " "), heard.system)
    found = metrics.interval(
        lambda rows: metrics.d_eer(heard.logit[rows], heard.fake[rows]), groups
    )
    return {**found, "genuine": int((~heard.fake).sum()), "synthetic": int(heard.fake.sum())}


def calibrated(heard: Heard, folder: Path) -> dict[str, Any]:
    """Slope, intercept and thresholds into the manifest; APCER and BPCER at them."""
    seen = heard.judged
    weights = metrics.balanced(seen.fake, seen.source)
    slope, intercept = metrics.platt(seen.logit, seen.fake, weights)
    p = metrics.sigmoid(slope * seen.logit + intercept)
    even = np.ones(int((~seen.fake).sum()))
    found = {rate: metrics.threshold_at(p[~seen.fake], rate, even) for rate in RATES}
    if not any(found.values()):
        raise ValueError(f"{len(even)} genuine recordings are too few to state a BPCER")
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


def default_logit(folder: Path) -> float:
    """The logit at the threshold of the manifest's default BPCER."""
    manifest = read_manifest(folder)
    points = {one["bpcer"]: one["threshold"] for one in manifest["operating_points"]}
    threshold, scale = points[manifest["default_bpcer"]], manifest["calibration"]
    return float((log_odds(threshold) - scale["intercept"]) / scale["slope"])


def _family(system: str) -> str:
    return FAMILIES.get(system.split("_", maxsplit=1)[0], "others")


def _noisy(sound: np.ndarray, decibels: float, rng: np.random.Generator) -> np.ndarray:
    noise = rng.normal(0, sound.std() * 10 ** (-decibels / 20), len(sound))
    return np.asarray(sound + noise, np.float32)


def plot(heard: Heard, file: Path) -> None:
    """The DET curve, pooled and of each family."""
    from training.report.plots import DPI, det_axes

    kinds = np.array([_family(system) for system in heard.system])
    fakes = {one: heard.logit[kinds == one] for one in sorted(set(kinds[heard.fake]))}
    title = "voice: DET curve, sources that were left out"
    curves = {"all": heard.logit[heard.fake], **fakes}
    figure, _ = det_axes(title, heard.logit[~heard.fake], curves)
    figure.savefig(file, dpi=DPI, metadata={"Software": None})


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--list", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--calibrate", action="store_true")
    parser.add_argument("--seen", type=Path, help="a list of recordings that training heard")
    parser.add_argument("--plot", type=Path, help="write the DET curve there")
    return parser.parse_args()


def main() -> None:
    args = _arguments()
    ear, clips = VoiceScorer(args.model), list(usable(listed(args.list), args.data))
    heard = {
        name: hear(ear, clips if change is as_it_is else clips[::THINNED], change)
        for name, change in CONDITIONS.items()
    }
    plain = heard["as it is"]
    found = figures(plain)
    found["by_condition"] = {name: eer(one.judged) for name, one in heard.items()}
    if args.calibrate:
        found["calibration"] = calibrated(plain, args.model)
    line = default_logit(args.model)
    found["by_language"] = by_language(plain.judged, line)
    if args.seen:
        known = hear(ear, list(usable(listed(args.seen), args.data)), as_it_is).judged
        families = {"pooled": eer(known), "by_family": by_family(known)}
        found["seen"] = families | {"by_language": by_language(known, line)}
    if args.plot:
        plot(plain.judged, args.plot)
    (args.model / "metrics.json").write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found["pooled"]), json.dumps(found["sources_with_both"]))


if __name__ == "__main__":
    main()
