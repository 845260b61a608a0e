"""`facegate ensemble fit` and `rollback`: a trained fusion of the detectors that are here."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from service.analysis.analyzer import Analyzer
from service.analysis.detectors.registry import added_models
from service.analysis.fitting import (
    Line,
    Table,
    best_ridge,
    compare,
    logistic,
    out_of_fold,
    stacked,
)
from service.analysis.fusion import log_odds
from service.analysis.rates import balanced, sigmoid, threshold_at
from service.commands.output import print_table
from service.errors import CannotJudge, ImageError, StartupError
from service.settings import Settings, load_settings

GENUINE, NAME = "genuine", "ensemble"
SUFFIXES = {".jpg", ".jpeg", ".png"}
RATES = (0.01, 0.02, 0.05, 0.1)
Row = dict[str, Any]


def fit(folder: Path, *, deploy: bool = True) -> int:
    """Score a labelled folder, compare, deploy what is better; 1 when the fusion is not.

    Raises StartupError when there is too little to learn from.
    """
    settings = load_settings()
    analyzer = Analyzer.load(settings)
    names = list(analyzer.thresholds)
    if len(names) < 2:
        raise StartupError(
            "A fusion needs two detectors or more.", "Add one: `facegate models add`."
        )
    table = _table(list(_scored(folder, analyzer, settings)), names)
    _check(table)
    lines = compare(table, names)
    _print(lines)
    best, own = max(lines[: len(names)], key=lambda line: line.mean), lines[-1]
    if own.mean < best.mean:
        print(f"Not deployed: on species held out, {best.name} alone is better.")
        return 1
    if deploy:
        _deploy(settings, _manifest(table, analyzer, lines))
        print(
            "Deployed; restart the service to use it. `facegate ensemble rollback` takes it back."
        )
    return 0


def rollback() -> None:
    """Back to the fusion before, or to none. Raises StartupError when none was deployed."""
    folder = added_models(load_settings()) / NAME
    manifest, before = folder / "manifest.json", folder / "before.json"
    if not manifest.exists():
        raise StartupError("No fusion was deployed here.", "`facegate ensemble fit DIR` makes one.")
    if before.exists():
        os.replace(before, manifest)
        print("The fusion before is back; restart the service to use it.")
    else:
        manifest.unlink()
        print("The deployed fusion is gone; restart the service to do without it.")


def _scored(folder: Path, analyzer: Analyzer, settings: Settings) -> Iterator[Row]:
    """DIR/SPECIES/PERSON/image; what was scored before by the same detectors is not scored again,
    so an interrupted run goes on where it stopped."""
    kept = settings.data_dir / "ensemble" / f"{detectors_id(analyzer)}.jsonl"
    kept.parent.mkdir(parents=True, exist_ok=True)
    known = _read(kept)
    files = sorted(p for p in folder.glob("*/*/*") if p.suffix.lower() in SUFFIXES)
    with kept.open("a") as out:
        for number, file in enumerate(files, 1):
            where = str(file.relative_to(folder))
            key = f"{where} {file.stat().st_size} {file.stat().st_mtime_ns}"
            if key not in known:
                known[key] = _score(file, analyzer)
                out.write(json.dumps({"key": key, "said": known[key]}) + "\n")
                out.flush()
            if number % 100 == 0 or number == len(files):
                print(f"{number} of {len(files)} images", file=sys.stderr)
            species, person = Path(where).parts[:2]
            if known[key]:
                yield {"species": species, "person": person, "said": known[key]}


def detectors_id(analyzer: Analyzer) -> str:
    """Changes when a detector does, and not with the fusion."""
    card = analyzer.model_card()
    parts = json.dumps([card["detectors"], card["face_detectors"]], sort_keys=True)
    return hashlib.sha256(parts.encode()).hexdigest()[:16]


def _read(kept: Path) -> dict[str, Row | None]:
    """The last line may be half written."""
    found = {}
    for line in kept.read_text().splitlines() if kept.exists() else ():
        try:
            row = json.loads(line)
            found[row["key"]] = row["said"]
        except (ValueError, KeyError):
            continue
    return found


def _score(file: Path, analyzer: Analyzer) -> Row | None:
    """Each detector's probability of the most prominent face; None for what cannot be judged."""
    try:
        found = analyzer.analyze(file.read_bytes())
    except (ImageError, CannotJudge):
        return None
    if found.left_out:
        raise StartupError(
            f"The detector {found.left_out[0]} did not answer.", "Start it, and run this again."
        )
    return {one.name: one.probability for one in found.faces[0].detectors}


def _table(rows: list[Row], names: list[str]) -> Table:
    species = np.array([row["species"] for row in rows], dtype=str)
    said = [[log_odds(row["said"][name]) for name in names] for row in rows]
    person = np.array([row["person"] for row in rows], dtype=str)
    return Table(np.array(said).reshape(-1, len(names)), species != GENUINE, species, person)


def _check(table: Table) -> None:
    genuine, people = int((~table.fake).sum()), len(np.unique(table.person))
    species = len(np.unique(table.species[table.fake]))
    if genuine < 200 or species < 2 or people < 10:
        raise StartupError(
            f"There are {genuine} genuine images, {species} species of fakes and {people} people"
            " that could be judged.",
            f"Give 200 images in {GENUINE}/PERSON/, two other SPECIES/PERSON/ and ten people.",
        )


def _print(lines: list[Line]) -> None:
    species = list(lines[0].held_out)
    head = ("candidate", "AUC, known species", *(f"{one} held out" for one in species), "mean")
    rows = []
    for line in lines:
        values = [line.known, *line.held_out.values(), line.mean]
        rows.append((line.name, *(f"{value:.4f}" for value in values)))
    print_table(head, rows)


def _manifest(table: Table, analyzer: Analyzer, lines: list[Line]) -> Row:
    weights, intercept = logistic(table, best_ridge(table))
    scores = sigmoid(out_of_fold(table, stacked))[~table.fake]
    even = balanced(table.fake, table.species)[~table.fake]
    points = [(rate, threshold_at(scores, rate, even)) for rate in RATES]
    inputs = [
        {"name": one.name, "version": one.version, "weight": float(weight)}
        for one, weight in zip(analyzer.models, weights, strict=False)
    ]
    return {
        "name": NAME,
        "version": time.strftime("%Y.%m.%d.%H%M%S", time.gmtime()),
        "kind": "fusion",
        "inputs": inputs,
        "intercept": intercept,
        "operating_points": [{"bpcer": r, "threshold": t} for r, t in points if t is not None],
        "default_bpcer": 0.05,
        "figures": [{"name": x.name, "known": x.known, "held_out": x.held_out} for x in lines],
    }


def _deploy(settings: Settings, manifest: Row) -> None:
    """A reader finds the old manifest or the new one, never half of one."""
    folder = added_models(settings) / NAME
    folder.mkdir(parents=True, exist_ok=True)
    fresh, current = folder / "fresh.json", folder / "manifest.json"
    fresh.write_text(json.dumps(manifest, indent=2) + "\n")
    if current.exists():
        (folder / "before.json").write_bytes(current.read_bytes())
    os.replace(fresh, current)
