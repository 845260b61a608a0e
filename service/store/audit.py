"""Entries of the audit log: the part of every store that keeps them, and never changes one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass


@dataclass(frozen=True)
class AuditEntry:
    """One line of a chain. `body` is canonical JSON; `mac` proves who wrote it."""

    chain: str
    n: int  # from 1 on, without gaps
    body: str
    mac: str


@dataclass(frozen=True)
class AuditHead:
    """The last entry of a chain: without it nobody could tell that the last entries are gone."""

    chain: str
    n: int
    hash: str  # SHA-256 of that entry's body
    mac: str


@dataclass(frozen=True)
class AuditBatch:
    """Entries of one chain that are written at once, and the head that they make."""

    entries: tuple[AuditEntry, ...]
    head: AuditHead


BATCH = TypeAdapter(AuditBatch)


class Audit(Protocol):
    """Raises StoreUnavailable as all of a store does."""

    def append_audit(self, batch: AuditBatch) -> None:
        """Insert; what is there already stays as it is, and a head only moves on."""

    def audit_heads(self) -> list[AuditHead]:
        """The head of every chain."""

    def read_audit(self) -> Iterator[AuditEntry]:
        """Every entry, by chain and number."""


def rows(entries: Sequence[AuditEntry]) -> list[tuple[str, int, str, str]]:
    """For a table."""
    return [(one.chain, one.n, one.body, one.mac) for one in entries]
