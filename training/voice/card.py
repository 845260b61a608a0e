"""card.md of a voice model folder, out of its metrics.json.

python -m training.voice.card --model DIR
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from training.export.manifest import read_manifest

TABLE = ("| recordings | genuine | synthetic | D-EER |", "|---|---|---|---|")
HEAD = """# {name} {version}

{origin} Licence: {licence}. The recordings that it was trained on come from public
demonstration pages, from Debian packages and from wake-word and digit collections; few state a
licence, and none is part of this project. Who needs weights free of them retrains on recordings
of his own (`training/README.md`).

Two networks of 371,000 weights each hear the same sound, and the mean of their logits counts:
one sees the log power of 256 lines of 31 Hz, the other, which counts twice, that power less each
line's mean over time, and how the phase of each line goes on from frame to frame. The front end
is part of the ONNX graph.

## Data

Never heard in training, calibration excepted: six demonstration pages (HiFi-GAN, BigVGAN,
StyleTTS 2, VITS, VQMIVC, neural codecs) and the genuine recordings of one wake-word collection.
These very systems are not in the training data, but relatives are: another HiFi-GAN made
copies, another VITS spoke. Readers of public data sets (LJ Speech, VCTK, LibriTTS) recur on
both sides. Calibration and thresholds were fitted to the same recordings that the figures are
of, so BPCER at the thresholds is that by construction, and APCER is rather too good. Recipes
were compared on the same recordings, too.

Trained on: 19 further pages, packages and collections, and copies of genuine clips that were
made for it (WORLD, Griffin-Lim, LPC, Codec 2, disturbed phases, four text-to-speech programs).
The first 1,250 and 1,500 of the networks' steps also saw 495 copies by a HiFi-GAN under AGPL-3.0;
the later ones, {steps}, did not.

## Figures

D-EER with 95 % bootstrap intervals over groups of one source and system. Families are each
against all genuine recordings that were left out.
"""
TAIL = """
Without speech, and so not judged: {without_speech}. AUC, pooled: {auc:.3f}. Expected
calibration error: {ece:.3f}.

## Limits

The figures are too weak to refuse a person by: advice only, unless an operator says otherwise
(`FACEGATE_VOICE`). Cloning systems of the last two years are hardly in the data. Narrow-band
telephone codecs (AMR) and noise cost much. Not measured: children, singing, whispering, tonal
languages; synthetic voices in other languages than English and, in training, Portuguese.
"""
SEEN = """
## Heard in training

At most 60 recordings of each source, kind and language; such figures say what is known by heart,
not what will be found.
"""
LANGUAGES = """
## Languages

Where a page or folder names it, and of 20 genuine recordings or more; BPCER at the threshold of
{bpcer:.0%}, with 95 % Wilson intervals.

| language | recordings | genuine | refused | synthetic | D-EER |
|---|---|---|---|---|---|"""
STEPS = "4,100 and 4,700"


def card(folder: Path) -> str:
    """The whole card."""
    found, manifest = json.loads((folder / "metrics.json").read_text()), read_manifest(folder)
    rows = [
        ("all left out", found["pooled"]),
        ("pages with both kinds", found["sources_with_both"]),
        *((f"family: {name}", one) for name, one in found["by_family"].items()),
        *((f"source: {name}", one) for name, one in found["by_source"].items()),
        *((f"heard: {name}", one) for name, one in found["by_condition"].items()),
    ]
    table = [*TABLE, *map(_row, rows)]
    points = ["", "| threshold | BPCER | APCER |", "|---|---|---|"]
    calibration = found["calibration"]
    points += [f"| {p['threshold']:.3f} | {p['bpcer']} | {p['apcer']:.2f} |"
               for p in calibration["points"]]  # fmt: skip
    tail = TAIL.format(ece=calibration["ece"], **found)
    head = HEAD.format(steps=STEPS, **manifest)
    return "\n".join([head, *table, *points, *_seen(found), *_languages(found, manifest), tail])


def _seen(found: dict[str, Any]) -> list[str]:
    if "seen" not in found:
        return []
    families = found["seen"]["by_family"].items()
    rows = [("all", found["seen"]["pooled"]), *((f"family: {name}", one) for name, one in families)]
    return [SEEN, *TABLE, *map(_row, rows)]


def _languages(found: dict[str, Any], manifest: dict[str, Any]) -> list[str]:
    parts = {"left out": found.get("by_language", {})}
    parts["heard in training"] = found.get("seen", {}).get("by_language", {})
    rows = [_spoken(name, part, one) for part, of in parts.items() for name, one in of.items()]
    return [LANGUAGES.format(bpcer=manifest["default_bpcer"]), *rows] if rows else []


def _spoken(language: str, part: str, one: dict[str, Any]) -> str:
    refused, eer = _figure(one["bpcer"]), one.get("eer")
    others = f"{eer['synthetic']} | {_figure(eer)}" if eer else "- | -"
    return f"| {language} | {part} | {one['genuine']} | {refused} | {others} |"


def _row(row: tuple[str, dict[str, Any]]) -> str:
    name, one = row
    return f"| {name} | {one['genuine']} | {one['synthetic']} | {_figure(one)} |"


def _figure(one: dict[str, Any]) -> str:
    return f"{one['value']:.2f} ({one['low']:.2f}-{one['high']:.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True)
    args = parser.parse_args()
    (args.model / "card.md").write_text(card(args.model))


if __name__ == "__main__":
    main()
