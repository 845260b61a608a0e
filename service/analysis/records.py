"""How judgements are kept: with their kind and the version of their schema, so that old ones can
be read by their own reader."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from pydantic import TypeAdapter, ValidationError

from service.analysis.judgement import Analysis

SCHEMA = 1  # raise it with every change that the reader of another release would stumble over
Judgement = Analysis  # a union, as there are more kinds
Record = Mapping[str, Any]
KINDS: dict[str, TypeAdapter[Judgement]] = {"image": TypeAdapter(Analysis)}
# From each older version to the next one. Version 0 had neither kind nor version: all were images.
UPGRADES: dict[int, Callable[[Record], Record]] = {0: lambda record: {"kind": "image", **record}}


class UnreadableRecord(LookupError):
    """The record is damaged, or a later release wrote it."""


def to_record(judgement: Judgement) -> dict[str, Any]:
    """What is kept: everything but the heat map, ready for JSON."""
    body = KINDS["image"].dump_python(replace(judgement, heat_map=None), mode="json")
    return {"kind": "image", "schema": SCHEMA, **body}


def from_record(record: Record) -> Judgement:
    """A judgement that this release or an earlier one kept. Raises UnreadableRecord."""
    version = record.get("schema", 0)
    if version not in range(SCHEMA + 1):
        raise UnreadableRecord(f"schema {version}")
    for older in range(version, SCHEMA):
        record = UPGRADES[older](record)
    try:
        return KINDS[record["kind"]].validate_python(record)
    except (KeyError, ValidationError) as error:
        raise UnreadableRecord(type(error).__name__) from None
