"""Writes the audit log: one chain a process, by one thread that writes many entries at once."""

from __future__ import annotations

import atexit
import os
import queue
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import structlog
from pydantic import SecretStr

from service import __version__
from service.audit.chain import Chain, Facts
from service.audit.files import FileAudit
from service.audit.keys import AuditKey, audit_key
from service.errors import AuditUnavailable, StoreUnavailable
from service.runtime import metrics
from service.settings import Settings
from service.store.audit import Audit
from service.store.base import Store

BATCH = 256  # entries written at once
WAITING = 10_000  # entries that may wait to be written
PATIENCE = 10.0  # seconds that a judgement waits for its entry
EVERY = 10_000  # entries after which a checkpoint is made, however little time has passed
log = structlog.get_logger()


@dataclass
class _Ticket:
    facts: Facts
    done: threading.Event = field(default_factory=threading.Event)
    kept: bool = False


class AuditLog:
    """Safe for threads and forks; begins its chain with the first entry.

    `best-effort`: nobody waits for the log, and what cannot be kept is counted. `required`: an
    entry is on the disk before its judgement leaves, or there is no judgement.
    """

    def __init__(self, settings: Settings, sink: Audit, key: AuditKey | None) -> None:
        """key: None where the log is off."""
        self._settings, self._sink, self._key = settings, sink, key
        self._begin = threading.Lock()
        self._pid, self._closing = 0, True

    def write(self, kind: str, **facts: Any) -> None:
        """Note something. Raises AuditUnavailable where the log is required and cannot be."""
        if self._key is None:
            return
        self._start()
        ticket = _Ticket({"kind": kind, "at": round(time.time(), 3)} | facts)
        required = self._settings.audit == "required"
        try:
            self._queue.put(ticket, timeout=PATIENCE if required else 0)
        except queue.Full:
            self._lose(1)
        if required and not (ticket.done.wait(PATIENCE) and ticket.kept):
            raise AuditUnavailable

    def close(self, *, checkpoint: bool = True) -> None:
        """Write what waits, and a checkpoint."""
        self._closing = checkpoint
        if self._pid == os.getpid() and self._thread.is_alive():
            self._queue.put(None)
            self._thread.join(PATIENCE)

    def _start(self) -> None:
        """Once in each process."""
        with self._begin:
            if self._pid != os.getpid():
                self._queue: queue.Queue[_Ticket | None] = queue.Queue(WAITING)
                self._chain: Chain | None = None
                self._covered: dict[str, int] = {}
                self._lost = self._unchecked = 0
                self._due = time.monotonic() + self._settings.audit_checkpoint
                self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
                self._thread.start()
                atexit.register(self.close)
                self._pid = os.getpid()

    def _run(self) -> None:
        ended = False
        while not ended:
            batch, ended = self._next_batch()
            if batch:
                self._write_batch(batch)
            due = self._unchecked >= EVERY or time.monotonic() >= self._due
            if due or (ended and self._closing):
                self._checkpoint()

    def _next_batch(self) -> tuple[list[_Ticket], bool]:
        """What waits, for a little while; and whether that was all."""
        batch: list[_Ticket] = []
        try:
            first = self._queue.get(timeout=max(self._due - time.monotonic(), 0.01))
            while first is not None:
                batch.append(first)
                if len(batch) == BATCH:
                    return batch, False
                first = self._queue.get_nowait()
        except queue.Empty:
            return batch, False
        return batch, True

    def _write_batch(self, batch: list[_Ticket]) -> None:
        kept = self._append([ticket.facts for ticket in batch])
        if not kept:
            self._lose(len(batch))
        for ticket in batch:
            ticket.kept = kept
            ticket.done.set()

    def _append(self, facts: list[Facts]) -> bool:
        """After a failure nobody knows what was kept: the next entry begins another chain."""
        assert self._key is not None
        if self._chain is None:
            self._chain = Chain(self._key)
            facts = [self._beginning(), *facts]
        batch = self._chain.extend(facts)
        try:
            self._sink.append_audit(batch)
        except StoreUnavailable:
            self._chain = None
            return False
        except Exception:
            log.exception("audit entry not written")
            self._chain = None
            return False
        self._chain.written(batch)
        self._unchecked += len(facts)
        return True

    def _beginning(self) -> Facts:
        """What runs here; and how many entries were lost since the chain before."""
        assert self._key is not None
        lost, self._lost = self._lost, 0
        return {
            "kind": "begin",
            "at": round(time.time(), 3),
            "version": __version__,
            "key": self._key.public,
            "settings": _changed(self._settings),
            "lost": lost,
        }

    def _checkpoint(self) -> None:
        """Of the chains that went on since the last one; where the store is away, later."""
        self._due = time.monotonic() + self._settings.audit_checkpoint
        if not self._unchecked or self._chain is None:
            return
        try:
            # A file is one command's, and there may be very many: it stands for itself.
            alone = isinstance(self._sink, FileAudit) and self._chain.head
            heads = [alone] if alone else self._sink.audit_heads()
        except StoreUnavailable:
            return
        moved = [one for one in heads if one.n > self._covered.get(one.chain, 0)]
        if self._append([self._chain.checkpoint(moved) | {"at": round(time.time(), 3)}]):
            self._covered |= {one.chain: one.n for one in moved}
            self._unchecked = 0

    def _lose(self, count: int) -> None:
        self._lost += count
        metrics.AUDIT_LOST.inc(count)


def open_audit(settings: Settings, store: Store) -> AuditLog:
    """The log that the settings name. Raises StartupError when its key is unusable."""
    key = None if settings.audit == "off" else audit_key(settings)
    sink: Audit = FileAudit(settings.data_dir / "audit") if store.kind == "null" else store
    return AuditLog(settings, sink, key)


def _changed(settings: Settings) -> dict[str, str]:
    """Settings that are not the default, without secrets."""
    changed = {}
    for name, known in type(settings).model_fields.items():
        value = getattr(settings, name)
        if value != known.get_default() and not isinstance(value, SecretStr):
            many = isinstance(value, (tuple, frozenset))
            changed[name] = ",".join(sorted(map(str, value))) if many else str(value)
    return changed
