"""Decode one large picture at a time, over all workers: a few of them fill the memory."""

from __future__ import annotations

import ctypes
import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import IO

from service.errors import Overloaded

# Bytes that decoding takes for each pixel of the limit at most, measured over every format and mode
# by tests/media/test_memory.py.
PER_PIXEL = 7
LIGHT = 80 * 2**20  # bytes; what takes less does not wait
PATIENCE, PAUSE = 20.0, 0.02  # seconds
PLACE = Path(__file__)  # any file that all workers can read; nothing is written to it


@contextmanager
def turn() -> Iterator[Callable[[float], None]]:
    """Yields `wait`, which is told the bytes needed and waits for a turn where they are many.

    The end of the block ends the turn and gives freed memory back, so what was decoded must be out
    of scope by then. `wait` raises Overloaded when no turn comes.
    """
    with ExitStack() as stack:
        yield partial(_wait, stack)


def _wait(stack: ExitStack, needed: float) -> None:
    if needed > LIGHT:
        # Closing the file gives the turn back, and so does the death of a worker.
        _lock(stack.enter_context(PLACE.open("rb")))
        stack.callback(_give_back)


def _lock(file: IO[bytes]) -> None:
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                raise Overloaded from None
            time.sleep(PAUSE)
        except OSError:  # a file system without locks
            return None


def _give_back() -> None:
    """What is usually kept for the next picture is too much here."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)
