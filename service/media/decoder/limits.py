"""Limits that the decoder sets itself before it opens anything."""

from __future__ import annotations

import ctypes
import resource
import signal
import time

STEP = 3  # seconds of CPU until the next message
ADDRESSES = 4 * 2**30  # bytes; what is mapped, used or not
PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS = 1, 38


def confine(memory: int) -> None:
    """No files, no further processes, bounded memory; it ends with its parent."""
    for kind, most in (
        (resource.RLIMIT_DATA, memory),
        (resource.RLIMIT_AS, ADDRESSES),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 16),
    ):
        lower(kind, most)
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    go_on()


def go_on() -> None:
    """Some more seconds of CPU; who is still at the same message then is killed (SIGXCPU)."""
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    soft = int(time.process_time()) + STEP
    resource.setrlimit(resource.RLIMIT_CPU, (_least(soft, hard), hard))


def lower(kind: int, most: int) -> None:
    """Never above what already holds."""
    hard = _least(most, resource.getrlimit(kind)[1])
    resource.setrlimit(kind, (hard, hard))


def _least(one: int, other: int) -> int:
    return one if other == resource.RLIM_INFINITY else min(one, other)
