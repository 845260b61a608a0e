"""Make standard streams reliable, and report a command that was interrupted.

A crash has an exit code of its own: 1 is a finding (a deepfake, a failed check), and Python's own
code for a crash is 1, too.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import io
import os
import sys
from typing import TextIO

BROKEN = 3
# For each stream that may be closed: how its stand-in is opened. Input and output then fail when
# they are used, instead of meeting a file that was opened later and got their number.
STANDINS = ((0, "stdin", os.O_WRONLY), (1, "stdout", os.O_RDONLY), (2, "stderr", os.O_WRONLY))


def prepare() -> None:
    """Stand-ins for closed streams; a character that the terminal has no code for is escaped."""
    for number, name, mode in STANDINS:
        if getattr(sys, name) is None or _closed(number):
            _stand_in(number, mode)
            setattr(sys, name, open(number, "r" if number == 0 else "w", closefd=False))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def explain(error: BaseException) -> int:
    """One sentence on standard error, no traceback unless the log level is debug."""
    with contextlib.suppress(OSError, ValueError):
        print(f"facegate: {sentence(error)}", file=sys.stderr, flush=True)
        if os.environ.get("FACEGATE_LOG_LEVEL", "").strip().lower() == "debug":
            sys.excepthook(type(error), error, error.__traceback__)
    return BROKEN


def sentence(error: BaseException) -> str:
    """Why the command broke off, for people."""
    if isinstance(error, BrokenPipeError):
        return "What reads the output went away before all was written."
    if isinstance(error, OSError):
        why = error.strerror or type(error).__name__
        if isinstance(error.filename, str):
            return f"{error.filename!a} cannot be used: {why}."
        remedy = " Free some space there." if error.errno == errno.ENOSPC else ""
        return f"Input or output failed: {why}.{remedy}"
    if isinstance(error, MemoryError):
        return "There is not enough memory for this."
    kind = type(error).__name__
    return f"An error that was not foreseen ({kind}); FACEGATE_LOG_LEVEL=debug shows where."


def finish() -> None:
    """Write out what is buffered. Raises OSError or ValueError when that fails."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()


def silence() -> None:
    """Let nothing fail once more: at the interpreter's end, or in a program that takes over."""
    for number, stream in ((1, sys.stdout), (2, sys.stderr)):
        with contextlib.suppress(OSError, ValueError):
            if not (_flushes(stream) and _writable(number)):
                _stand_in(number, os.O_WRONLY)


def _flushes(stream: TextIO) -> bool:
    try:
        stream.flush()
    except (OSError, ValueError):
        return False
    return True


def _writable(number: int) -> bool:
    return fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE != os.O_RDONLY


def _closed(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return True
    return False


def _stand_in(number: int, mode: int) -> None:
    opened = os.open(os.devnull, mode)
    if opened != number:
        os.dup2(opened, number)
        os.close(opened)
