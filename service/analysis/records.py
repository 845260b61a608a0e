"""How judgements are kept: with their kind and the version of their schema, so that old ones can
be read by their own reader."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError

from service.analysis.judgement import ANALYSIS, Analysis

SCHEMA = 2  # raise it with every change that the reader of another release would stumble over
Record = Mapping[str, Any]


class UnreadableRecord(LookupError):
    """The record is damaged, or a later release wrote it."""


def to_record(judgement: Analysis) -> dict[str, Any]:
    """What is kept: everything but the heat map, ready for JSON."""
    body: dict[str, Any] = ANALYSIS.dump_python(judgement, mode="json")
    heat_map = {"heat_map": None} if "heat_map" in body else {}
    return body | heat_map | {"schema": SCHEMA}


def from_record(record: Record) -> Analysis:
    """A judgement that this release or an earlier one kept. Raises UnreadableRecord."""
    version = record.get("schema", 0)
    if version not in range(SCHEMA + 1):
        raise UnreadableRecord(f"schema {version}")
    try:
        for older in range(version, SCHEMA):
            record = UPGRADES[older](record)
        return ANALYSIS.validate_python(record)
    except (KeyError, IndexError, TypeError, ValidationError) as error:
        raise UnreadableRecord(type(error).__name__) from None


def _with_kind(record: Record) -> Record:
    return {"kind": "image", **record}


def _with_findings(record: Record) -> Record:
    """Its one task was deepfakes."""
    finding = {
        "task": "deepfake",
        "decision": "attack" if record["decision"] == "deepfake" else "bona_fide",
        "advisory": False,
        "detectors": record["faces"][record["counted"]]["detectors"],
        **{name: record[name] for name in SHARED},
    }
    return {**record, "findings": [finding]}


SHARED = ("score", "probability", "threshold", "bpcer", "reasons")
# From each older version to the next one. Version 0 had neither kind nor version, version 1 no
# findings: all were images.
UPGRADES: dict[int, Callable[[Record], Record]] = {0: _with_kind, 1: _with_findings}
