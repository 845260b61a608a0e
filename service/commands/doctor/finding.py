"""What a check of `facegate doctor` finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warning", "failed"]


@dataclass(frozen=True)
class Diagnosis:
    """One sentence, and a remedy where all is not well."""

    level: Level
    sentence: str
    remedy: str | None = None


def ok(sentence: str) -> Diagnosis:
    return Diagnosis("ok", sentence)


def warning(sentence: str, remedy: str) -> Diagnosis:
    return Diagnosis("warning", sentence, remedy)


def failed(sentence: str, remedy: str) -> Diagnosis:
    return Diagnosis("failed", sentence, remedy)
