"""The audit log behind the circuit breaker; what cannot be written is set aside."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

from service.errors import StoreUnavailable
from service.store.audit import Audit, AuditBatch, AuditEntry, AuditHead
from service.store.resilient.spool import Spool


class ResilientAudit:
    """See `Audit`."""

    _spool: Spool

    def _reach(self, operation: str) -> AbstractContextManager[Audit]:
        raise NotImplementedError

    def _set_aside(self, kind: str, write: Callable[[], None]) -> None:
        raise NotImplementedError

    def append_audit(self, batch: AuditBatch) -> None:
        try:
            with self._reach("append_audit") as primary:
                primary.append_audit(batch)
        except StoreUnavailable:
            self._set_aside("audit", lambda: self._spool.put_audit(batch))

    def audit_heads(self) -> list[AuditHead]:
        with self._reach("audit_heads") as primary:
            return primary.audit_heads()

    def read_audit(self) -> Iterator[AuditEntry]:
        with self._reach("read_audit") as primary:
            yield from primary.read_audit()
