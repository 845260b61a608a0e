"""Silero VAD, from the ONNX file of the `silero-vad` wheel to a model folder; nothing is changed.

    python -m training.export.copy_silero_vad --wheel DIR --out service/models

DIR is the unpacked wheel. Of its files the one that takes many frames in one call is the right one.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from training.export.manifest import write_manifest

FILE = "silero_vad_16k_sequence.onnx"
CARD = f"""# silero-vad

Silero VAD 6: the probability of speech for each 32 ms frame of 16 kHz mono sound.

* Origin: Silero Team, as shipped in the Python package `silero-vad` 6.2.3 (`{FILE}`), copied by
  `training/export/copy_silero_vad.py`; not a byte changed.
* Licence: MIT.
* Use: a recording's stretches of speech are found with it before its voice is judged
  (`service/analysis/voice/speech.py`, with the thresholds).
* Limits: trained by others; singing and loud music may count as speech, whispering may not.
"""


def copy(wheel: Path, out: Path) -> None:
    """Write OUT/silero-vad/{model.onnx,manifest.json,card.md}."""
    folder = out / "silero-vad"
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(wheel / "silero_vad" / "data" / FILE, folder / "model.onnx")
    (folder / "card.md").write_text(CARD)
    write_manifest(folder, {
        "name": "silero-vad", "version": "6.2.3", "kind": "speech_detector", "licence": "MIT",
        "origin": f"Silero Team, Silero VAD, copied from {FILE} of silero-vad 6.2.3.",
        "modality": "audio",
    })  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--wheel", type=Path, required=True, help="unpacked silero-vad")
    parser.add_argument("--out", type=Path, default=Path("service/models"))
    args = parser.parse_args()
    copy(args.wheel, args.out)


if __name__ == "__main__":
    main()
