"""Forgetting media in the primary store, and in the spool of what waits for it."""

from __future__ import annotations

from contextlib import AbstractContextManager

from service.store.forgetting import Forgetting, Gone, Selection, added
from service.store.resilient.spool import Spool


class ResilientForgetting:
    """See `Forgetting`."""

    _spool: Spool

    def _reach(self, operation: str) -> AbstractContextManager[Forgetting]:
        raise NotImplementedError

    def forget(self, meant: Selection) -> Gone:
        """The spool first: what leaves it meanwhile is found in the primary."""
        waiting = self._spool.forget(meant)
        with self._reach("forget") as primary:
            gone = primary.forget(meant)
        return added(gone, {"results": waiting})
