"""How often each rule of provenance fires: on genuine files, and on those that it is meant for.

    python -m scripts.provenance.table --genuine cameras=DIR --genuine faces=DIR --sources DIR

Prints a table for docs/provenance.md. Files of cameras are those with a maker's part in their EXIF
data, so a folder given as `cameras=DIR` is reduced to them.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from PIL import Image

from scripts.provenance.files import meant_for
from service.errors import FacegateError
from service.media.image import decode
from service.provenance.inspector import Inspector
from service.settings import Settings

SIDE = 900  # longer side of the pictures that files are made of
CAMERAS = "cameras"
NOT_MEASURED = {"seen_elsewhere", "seen_changed", "seen_renamed"}  # by scripts.provenance.seen


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--genuine", action="append", default=[], metavar="NAME=DIR")
    parser.add_argument("--sources", type=Path, required=True, help="pictures to make files of")
    parser.add_argument("--count", type=int, default=40, help="how many of them")
    asked = parser.parse_args(arguments)
    inspector = Inspector(Settings())
    folders = [one.partition("=")[::2] for one in asked.genuine]
    genuine = {name: _fired(inspector, _files(Path(at)), name == CAMERAS) for name, at in folders}
    made = meant_for(list(_sources(asked.sources, asked.count)))
    meant = {rule: _fired(inspector, iter(files)) for rule, files in made.items()}
    print("\n".join(_table(inspector, genuine, meant)))
    return 0


Fired = tuple[Counter[str], int]


def _fired(inspector: Inspector, files: Iterator[bytes], cameras: bool = False) -> Fired:
    """How often each rule fired, and on how many files in all."""
    fired: Counter[str] = Counter()
    total = 0
    for data in files:
        try:
            facts = inspector.facts(data, decode(data, max_pixels=64_000_000))
        except FacegateError:
            continue
        if cameras and not (facts.camera and facts.camera.notes and facts.width >= 1000):
            continue
        total += 1
        fired.update(one.rule for one in inspector.judge(facts).signals)
    return fired, total


def _files(folder: Path) -> Iterator[bytes]:
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            yield file.read_bytes()


def _sources(folder: Path, count: int) -> Iterator[Image.Image]:
    """Pictures shrunk to half or less, so that nothing is left of how they were saved."""
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    random.Random(7).shuffle(files)
    for file in files:
        try:
            pixels = decode(file.read_bytes(), max_pixels=64_000_000).pixels
        except FacegateError:
            continue
        if count and max(pixels.shape) >= 2 * SIDE:
            count -= 1
            picture = Image.fromarray(pixels)
            picture.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
            yield picture


def _table(
    inspector: Inspector, genuine: dict[str, Fired], meant: dict[str, Fired]
) -> Iterator[str]:
    heads = ["rule", *genuine, "made by our scripts, for no rule", "what it is meant for"]
    yield "| " + " | ".join(heads) + " |"
    yield "|---" * len(heads) + "|"
    columns = [*genuine.values(), meant.get("none", (Counter(), 0))]
    for rule in inspector.rules.rules:
        if rule.name not in NOT_MEASURED:
            cells = [f"{fired[rule.name]} of {total}" for fired, total in columns]
            fired, total = meant.get(rule.name, (Counter(), 0))
            cells.append(f"{fired[rule.name]} of {total}")
            yield f"| `{rule.name}` | " + " | ".join(cells) + " |"


if __name__ == "__main__":
    sys.exit(main())
