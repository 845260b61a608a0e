"""Orders to the decoder, a child process with limits: whatever a file does, the worker lives.

A child that says nothing for too long, eats too much or dies is answered with a named reason.
"""

from __future__ import annotations

import fcntl
import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Literal

from service.errors import (
    MediaError,
    MediaTooComplex,
    MediaTooLarge,
    MediaTooLong,
    NoPictures,
    NoSound,
    SeveralTracks,
)
from service.media.decoder.wire import Order, unpack
from service.media.medium import Medium
from service.settings import Settings

ROOT = Path(__file__).parents[2]  # of the package `service`
PROGRAM = ("-s", "-P", "-m", "service.media.decoder")
SILENCE = 20.0  # seconds without a message; on an idle machine the limit of CPU comes long before
MEMORY = 400 * 2**20  # bytes of data
LONGEST = 1920  # pixels of the longer side of a frame; no face detector or crop needs more
FRAMES = 32
PIPE = 2**20  # bytes on the way; with the usual 64 KiB both sides wait for each other all the time
FAILURES: dict[str, type[MediaError]] = {
    "damaged": MediaError,
    "too_large": MediaTooLarge,
    "too_long": MediaTooLong,
    "too_complex": MediaTooComplex,
    "no_pictures": NoPictures,
    "no_sound": NoSound,
    "ambiguous": SeveralTracks,
}
# How a child ends that met its limits: of CPU, of memory, or the kernel's.
EXHAUSTED = {-signal.SIGXCPU, -signal.SIGKILL}


def messages(
    medium: Medium, settings: Settings, want: Literal["pictures", "sound"]
) -> Iterator[tuple[dict[str, Any], bytes]]:
    """What the decoder says of a medium, up to its end. Raises the MediaError family."""
    with medium.descriptor() as descriptor:
        order = Order(
            want=want,
            descriptor=descriptor,
            max_pixels=settings.max_frame_pixels,
            max_seconds=min(settings.max_seconds, medium.max_seconds),
            longest=LONGEST,
            most=FRAMES,
            memory=MEMORY,
        )
        with _child(order) as child:
            yield from _heard(child)


@contextmanager
def _child(order: Order) -> Iterator[subprocess.Popen[bytes]]:
    """A decoder at work, which does not outlive the block."""
    command = [sys.executable, *PROGRAM, order.dump()]
    child = subprocess.Popen(  # noqa: S603 (our own program, no shell)
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        bufsize=0,
        pass_fds=(order.descriptor,),
        env={"PYTHONPATH": str(ROOT), "LD_LIBRARY_PATH": os.environ.get("LD_LIBRARY_PATH", "")},
    )
    assert child.stdout is not None
    with suppress(OSError):  # not everybody may have as much; then it takes longer
        fcntl.fcntl(child.stdout, fcntl.F_SETPIPE_SZ, PIPE)
    try:
        yield child
    finally:
        child.kill()
        child.wait()
        child.stdout.close()


def _heard(child: subprocess.Popen[bytes]) -> Iterator[tuple[dict[str, Any], bytes]]:
    assert child.stdout is not None
    ear = PatientPipe(child.stdout)
    while True:
        try:
            head, payload = unpack(ear.read)
        except (EOFError, ValueError):
            raise _death(child) from None
        if head["type"] == "end":
            break
        yield head, payload
    if head["failure"]:
        raise FAILURES[head["failure"]]


def _death(child: subprocess.Popen[bytes]) -> MediaError:
    """The error of a child that did not come to its end."""
    try:
        code = child.wait(1.0)
    except subprocess.TimeoutExpired:  # it is silent, or talks nonsense
        return MediaTooComplex()
    return MediaTooComplex() if code in EXHAUSTED else MediaError()


class PatientPipe:
    """Reads a pipe with patience, but not for ever."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe = pipe
        self._selector = selectors.DefaultSelector()
        self._selector.register(pipe, selectors.EVENT_READ)

    def read(self, size: int) -> bytes:
        """Exactly so many bytes. Raises EOFError when they do not come."""
        found = bytearray(size)
        view, have = memoryview(found), 0
        while have < size:
            if not self._selector.select(SILENCE):
                raise EOFError
            count = self._pipe.readinto(view[have:])  # type: ignore[attr-defined]
            if not count:
                raise EOFError
            have += count
        return bytes(found)
