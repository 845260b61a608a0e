"""The audit log in files, where there is no store: one file a chain in the data folder.

`facegate audit export` writes the same lines, and `facegate audit verify FILE` reads them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path

import orjson

from service.errors import StoreUnavailable
from service.store.audit import AuditBatch, AuditEntry, AuditHead

Line = AuditEntry | AuditHead


class FileAudit:
    """See `service.store.audit.Audit`. A chain has one writer: the process that began it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def append_audit(self, batch: AuditBatch) -> None:
        """Either all of it is on the disk, or none. Raises StoreUnavailable."""
        lines: tuple[Line, ...] = (*batch.entries, batch.head)
        text = "".join(to_line(line) for line in lines)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            _append(self._folder / f"{batch.head.chain}.jsonl", text.encode())
        except OSError as error:
            raise StoreUnavailable from error

    def audit_heads(self) -> list[AuditHead]:
        return last_heads(self.lines())

    def read_audit(self) -> Iterator[AuditEntry]:
        return (line for line in self.lines() if isinstance(line, AuditEntry))

    def lines(self) -> Iterator[Line]:
        """Entries and heads, file by file. Raises StoreUnavailable."""
        try:
            for file in sorted(self._folder.glob("*.jsonl")):
                with file.open("rb") as lines:
                    yield from read_lines(lines)
        except OSError as error:
            raise StoreUnavailable from error


def to_line(line: Line) -> str:
    return orjson.dumps(asdict(line)).decode() + "\n"


def read_lines(lines: Iterable[bytes]) -> Iterator[Line]:
    """Entries and heads; a damaged line is an entry that nobody wrote.

    One that a crash cut short is passed over: a head that counts it would tell that it is missing.
    """
    for number, line in enumerate(lines, 1):
        try:
            fields = orjson.loads(line)
            yield AuditEntry(**fields) if "body" in fields else AuditHead(**fields)
        except (ValueError, TypeError):
            if line.endswith(b"\n"):
                yield AuditEntry(f"(line {number} is damaged)", 1, "", "")


def last_heads(lines: Iterable[Line]) -> list[AuditHead]:
    """The last head of each chain."""
    found: dict[str, AuditHead] = {}
    for line in lines:
        if isinstance(line, AuditHead) and line.n > getattr(found.get(line.chain), "n", 0):
            found[line.chain] = line
    return list(found.values())


def _append(path: Path, data: bytes) -> None:
    handle = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
    try:
        size = os.fstat(handle).st_size
        try:
            if os.write(handle, data) != len(data):
                raise OSError("cut short")
            os.fdatasync(handle)
        except OSError:
            os.ftruncate(handle, size)
            raise
    finally:
        os.close(handle)
