"""`facegate ensemble fit` and `rollback`: a trained fusion of the detectors that are here."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from service.analysis.detectors.base import Detector
from service.analysis.detectors.load import load_detectors
from service.audit.acts import note_act
from service.errors import StartupError
from service.fitting import classifiers
from service.fitting.classifiers import KINDS, Kind
from service.fitting.cross_validation import CHOSEN, Line, Table, compare
from service.fitting.dataset import GENUINE
from service.fitting.detector_scores import score_folder
from service.fitting.model_selection import candidates, select
from service.fitting.stack_writer import write_stack
from service.repository import deployed
from service.runtime.console import note, print_table
from service.settings import Settings, load_settings

GENUINE_IMAGES, SPECIES, PEOPLE = 200, 2, 10  # at least


def fit(folder: Path, *, deploy: bool = True, search: int = 0, only: Sequence[str] = ()) -> int:
    """Score a labelled folder, compare, deploy what is better; 1 when the fusion is not.

    Raises StartupError when there is too little to learn from.
    """
    settings, kinds = load_settings(), _kinds(only)
    classifiers.check_installed()
    detectors = _detectors(settings)
    table = score_folder(folder, settings)
    _check(table)
    names = [one.name for one in detectors]
    lines = compare(table, names, candidates(kinds, search), _tell)
    _print(lines)
    better, version = _is_better(lines, names), None
    if better and deploy:
        choice = select(kinds, table, search)
        version = write_stack(settings, table, choice, detectors, lines)
        deployed.deploy(settings, version)
        note_act(settings, "fusion deployed", version=version)
        print(f"Deployed {choice.kind.name} {choice.params} as {version}.")
    _report(settings, table, lines, version)
    return 0 if better else 1


def rollback() -> None:
    """Back to the fusion before, or to none. Raises StartupError when none was deployed."""
    settings = load_settings()
    try:
        before = deployed.roll_back(settings)
    except LookupError:
        raise StartupError(
            "No fusion was deployed here.", "`facegate ensemble fit DIR` makes one."
        ) from None
    note_act(settings, "fusion rolled back", version=before)
    print(f"The fusion {before} is back." if before else "The deployed fusion is gone.")


def _detectors(settings: Settings) -> tuple[Detector, ...]:
    detectors = load_detectors(settings)
    if len(detectors) < 2:
        raise StartupError(
            "A fusion needs two detectors or more, and one is in force.",
            "Name some, as FACEGATE_DETECTORS=clip,lite0, or add one: `facegate models add`.",
        )
    return detectors


def _is_better(lines: Sequence[Line], detectors: Sequence[str]) -> bool:
    """At least as good on species held out as each detector alone."""
    mean = {line.name: line.mean for line in lines}
    best = max(detectors, key=mean.__getitem__)
    if mean[CHOSEN] >= mean[best]:  # nan is not
        return True
    print(f"Not deployed: on species held out, {best} alone is better.")
    return False


def _report(settings: Settings, table: Table, lines: Sequence[Line], version: str | None) -> None:
    """What was printed, for programs."""
    file = settings.data_dir / "ensemble" / "report.json"
    report = {
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "images": {str(one): int((table.species == one).sum()) for one in np.unique(table.species)},
        "people": len(np.unique(table.person)),
        "auc": [{**asdict(line), "mean": line.mean} for line in lines],
        "deployed": version,
    }
    file.write_text(json.dumps(report, indent=2) + "\n")
    note(f"All of it: {file}")


def _kinds(only: Sequence[str]) -> list[Kind]:
    known = {kind.name: kind for kind in KINDS}
    for name in only:
        if name not in known:
            raise StartupError(
                f"There is no classifier named {name[:40]!a}.", f"Choose from {', '.join(known)}."
            )
    return [kind for kind in KINDS if not only or kind.name in only]


def _check(table: Table) -> None:
    genuine, people = int((~table.fake).sum()), len(np.unique(table.person))
    species = len(table.attacks)
    if genuine < GENUINE_IMAGES or species < SPECIES or people < PEOPLE:
        raise StartupError(
            f"There are {genuine} genuine images, {species} species of fakes and {people} people"
            " that could be judged.",
            f"Give 200 images in {GENUINE}/PERSON/, two other SPECIES/PERSON/ and ten people.",
        )


def _tell(done: int, total: int) -> None:
    note(f"compared: {done} of {total} parts")


def _print(lines: list[Line]) -> None:
    species = list(lines[0].held_out)
    head = ("candidate", "AUC, known species", *(f"{one} held out" for one in species), "mean")
    rows = []
    for line in lines:
        values = [line.known, *line.held_out.values(), line.mean]
        rows.append((line.name, *(f"{value:.4f}" for value in values)))
    print_table(head, rows)
