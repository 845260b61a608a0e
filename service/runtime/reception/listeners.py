"""A listening socket that is about to close: nobody new, and nobody lost."""

from __future__ import annotations

import ctypes
import socket
import struct
from contextlib import suppress

SO_ATTACH_FILTER = 26
SYN = 0x02  # of the flags in the TCP header's byte 13
# Classic BPF: drop what opens a connection, let the rest of the handshakes under way pass.
PROGRAM = (
    (0x30, 0, 0, 13),  # load that byte
    (0x45, 0, 1, SYN),  # where the flag is set go on, else skip one
    (0x06, 0, 0, 0),  # drop
    (0x06, 0, 0, 0xFFFF),  # pass
)


def refuse_new(listener: socket.socket) -> None:
    """Let no new handshake begin, whoever else holds this socket.

    A client that tries now tries again in a second, and is refused when the socket has closed:
    without this, it would be accepted by the kernel, and reset. Does nothing where that is not to
    be had.
    """
    steps = b"".join(struct.pack("HBBI", *step) for step in PROGRAM)
    kept = ctypes.create_string_buffer(steps)
    program = struct.pack("HL", len(PROGRAM), ctypes.addressof(kept))
    with suppress(OSError):
        listener.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)
