"""A TCP proxy between two parts, which a test may make slow, silent, deaf or destructive.

with Proxy(server.port) as proxy:
    uri = ...  # with proxy.port
    proxy.fault = "reset"     # "none", "delay", "silence", "reset", "garble", "half"
"""

from __future__ import annotations

import random
import socket
import struct
import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import Literal, Self

Fault = Literal["none", "delay", "silence", "reset", "garble", "half"]
FAULTS: tuple[Fault, ...] = ("delay", "silence", "reset", "garble", "half")
RESET = struct.pack("ii", 1, 0)


class Proxy:
    """Forwards to a port of this machine; `fault` counts for open connections, too."""

    def __init__(self, target: int) -> None:
        self._target = target
        self.fault: Fault = "none"
        self.delay = 0.4  # seconds a piece
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._over = threading.Event()

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._over.set()
        self._listener.close()

    def _accept(self) -> None:
        while not self._over.is_set():
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self._target), 5)
            except OSError:
                near.close()
                continue
            for source, sink in ((near, far), (far, near)):
                pass_on = threading.Thread(target=self._pass_on, args=(source, sink), daemon=True)
                pass_on.start()

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            source.settimeout(0.2)
        while not self._over.is_set() and self.fault != "reset":
            try:
                data = source.recv(65536)
            except TimeoutError:
                continue
            except OSError:
                break
            if not data or not self._forward(data, sink):
                break
        for end in (source, sink):
            with suppress(OSError):
                if self.fault == "reset":
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                end.close()

    def _forward(self, data: bytes, sink: socket.socket) -> bool:
        """Whether the connection goes on."""
        match self.fault:
            case "delay":
                time.sleep(self.delay)
            case "silence":
                return True  # swallowed
            case "garble":
                data = bytearray(data)
                data[random.randrange(len(data))] ^= 0xFF
            case "half":
                with suppress(OSError):
                    sink.sendall(data[: len(data) // 2])
                return False
        try:
            sink.sendall(data)
        except OSError:
            return False
        return True
