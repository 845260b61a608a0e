"""Which contract the present request came in by, for whoever notes it."""

from __future__ import annotations

from contextvars import ContextVar

COMMAND = "command"
_contract: ContextVar[str] = ContextVar("contract", default=COMMAND)


def came_by(contract: str) -> None:
    """Note it for this thread, until another one is noted."""
    _contract.set(contract)


def contract() -> str:
    """The route, `job`, `queue`, or `command`."""
    return _contract.get()
