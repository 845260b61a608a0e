"""How far a long piece of work is, told to whoever listens in the same thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Listener = Callable[[float], None]
_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Let `listener` hear what is reported within the block; what it raises ends the work."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def report(done: float) -> None:
    """Tell the share of the work that is done, 0 to 1. Nothing happens where nobody listens."""
    listener = _listener.get()
    if listener is not None:
        listener(min(max(done, 0.0), 1.0))
