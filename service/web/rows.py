"""A kept result as one row of a table or a CSV file; reads what any release kept."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from service.api.v1.render import iso
from service.runtime.spreadsheet import harmless
from service.store.base import StoredResult

COLUMNS = (
    *("id", "created_at", "kind", "decision", "score", "probability", "threshold", "bpcer"),
    *("reasons", "warnings", "label", "licence", "contract", "sha256", "models", "fingerprint"),
    "milliseconds",
)
# Of an item of the Lambda function's table, by its published names.
ITEM = (
    *("uuid", "s3_key", "label", "confidence", "timestamp", "source_type", "model_used"),
    *("model_version", "recheck_status", "previous_score", "recheck_score", "recheck_label"),
    *("recheck_at", "review_label"),
)


@dataclass(frozen=True)
class Row:
    """What a listing shows of a result."""

    id: str
    created_at: float
    kind: str
    decision: str
    score: float
    reasons: tuple[str, ...]
    warnings: tuple[str, ...]  # tasks whose advisory finding is an attack
    label: str | None
    licence: str
    contract: str
    sha256: str
    has_image: bool
    name: str  # of its object, where it has one, else the id


def row(result: StoredResult) -> Row:
    """Never raises, whatever the analysis looks like."""
    found = result.analysis
    return Row(
        id=result.id,
        created_at=result.created_at,
        kind=str(found.get("kind", "image")),
        decision=str(found.get("decision", "")),
        score=_number(found.get("score")),
        reasons=tuple(map(str, found.get("reasons") or ())),
        warnings=_warnings(found),
        label=result.label,
        licence=result.licence,
        contract=result.contract,
        sha256=result.sha256,
        has_image=result.image is not None,
        name=str((found.get("item") or {}).get("s3_key") or result.id),
    )


def csv_lines(results: Iterable[StoredResult], names: Mapping[str, str]) -> Iterator[str]:
    """A CSV file, a result at a time; `names` are those of licences by digest."""
    head: Sequence[str] = ()
    for one in results:
        item = one.analysis.get("item")
        if not head:
            head = COLUMNS if item is None else ITEM
            yield _line(head)
        yield _line(_cells(one, names) if item is None else (item.get(name, "") for name in head))
    if not head:
        yield _line(COLUMNS)


def _cells(result: StoredResult, names: Mapping[str, str]) -> Iterator[object]:
    shown, found = row(result), result.analysis
    yield from (shown.id, iso(shown.created_at), shown.kind, shown.decision)
    yield from (found.get(name, "") for name in ("score", "probability", "threshold", "bpcer"))
    yield from (" ".join(shown.reasons), " ".join(shown.warnings), shown.label or "")
    yield from (names.get(shown.licence, shown.licence), shown.contract, shown.sha256)
    yield from (_models(found), result.fingerprint)
    yield (found.get("timings") or {}).get("total", "")


def _models(found: Mapping[str, Any]) -> str:
    detectors = ((found.get("findings") or [{}])[0] or {}).get("detectors") or ()
    return " ".join(f"{one.get('name')}-{one.get('version')}" for one in detectors)


def _warnings(found: Mapping[str, Any]) -> tuple[str, ...]:
    findings = found.get("findings") or ()
    attacks = (one for one in findings if one.get("advisory") and one.get("decision") == "attack")
    return tuple(str(one.get("task")) for one in attacks)


def _line(cells: Iterable[object]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow([harmless(cell) for cell in cells])
    return out.getvalue()


def _number(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) else 0.0
