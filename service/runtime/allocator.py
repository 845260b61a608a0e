"""Keep freed memory for the next request instead of giving it back to the system."""

from __future__ import annotations

import contextlib
import ctypes

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_MMAP_MAX = -1, -3, -4  # malloc.h
KEPT = 32 * 2**20  # bytes; glibc takes no more for a block


def keep_freed() -> None:
    """Blocks as large as a decoded photograph, and as much at the end of each heap.

    Given back and asked for again with every photograph, their pages take longer to come than a
    selfie takes to be decoded.
    """
    mallopt(M_MMAP_THRESHOLD, KEPT)
    mallopt(M_TRIM_THRESHOLD, KEPT)


def mallopt(option: int, value: int) -> None:
    """Sets one of glibc's; where there is another library nothing."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").mallopt(option, value)
