"""Forgetting media in the primary store, and in the spool of what waits for it."""

from __future__ import annotations

from contextlib import AbstractContextManager

from service.store.forgetting import Forgetting, Gone, added
from service.store.resilient.spool import Spool


class ResilientForgetting:
    """See `Forgetting`."""

    _spool: Spool

    def _reach(self, operation: str) -> AbstractContextManager[Forgetting]:
        raise NotImplementedError

    def forget(
        self,
        *,
        sha256: str | None = None,
        licence: str | None = None,
        before: float | None = None,
    ) -> Gone:
        """The spool first: what leaves it meanwhile is found in the primary."""
        waiting = self._spool.forget(sha256=sha256, licence=licence, before=before)
        with self._reach("forget") as primary:
            gone = primary.forget(sha256=sha256, licence=licence, before=before)
        return added(gone, {"results": waiting})
