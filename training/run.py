"""Train a model folder from labelled photographs, in one command.

    python -m training.run --data DIR --out DIR [--model DIR] [--version 1.0.0] [--minutes M]

Interrupted, the same command goes on where it was. The finished model folder can be put beside, or
in the place of, service/models/lite0.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from training.export.export import export, load
from training.export.quantise import quantise_model
from training.fit.train import add_arguments, options_of, train
from training.report.card.document import write_card
from training.report.evaluate import evaluate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_arguments(parser)
    parser.add_argument("--model", type=Path, help="folder to write; by default OUT/models/lite0")
    parser.add_argument("--version", default="1.0.0")
    args = parser.parse_args()
    folder = args.model or args.out / "models" / "lite0"
    best = train(args.data, args.out, args.steps, args.minutes, options_of(args))
    print(f"largest difference from torch: {export(load(best), folder, args.version):.1e}")
    print(f"in int8: {quantise_model(folder, args.out)}")
    figures = evaluate(args.data, args.out, folder)
    (folder / "metrics.json").write_text(json.dumps(figures, indent=1) + "\n")
    write_card(folder, figures)
    print(f"written: {folder}")


if __name__ == "__main__":
    main()
