"""Start services without the seconds of their imports: as forks of a process that has them all.

What `facegate serve` does is done: it looks whether it can start, and hands over to gunicorn. The
one difference is that gunicorn begins in the same process, where otherwise a new program would.
A service whose environment must be seen by the interpreter itself is started as a program.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import gc
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests import forks

# Those of `serve`, which are read when libraries are loaded.
EARLY = {"OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
LATE = (
    *("service.app", "service.gunicorn_worker", "service.commands.serve", "gunicorn.app.wsgiapp"),
    *("service.analysis.decision.calibration", "service.repository.fusion_manifest"),
    *("service.commands.doctor.machine", "service.analysis.pipelines", "service.media.high_range"),
    *("service.analysis.detectors.onnx", "service.analysis.detectors.voice", "c2pa"),
)


class Launched:
    """What a test asks of a `subprocess.Popen`."""

    def __init__(self, launcher: Launcher, pid: int) -> None:
        self.pid, self._launcher = pid, launcher
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = self._launcher.ask(ended=self.pid)
        return self.returncode

    def wait(self, timeout: float = 60) -> int:
        end = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > end:
                raise subprocess.TimeoutExpired("facegate", timeout)
            time.sleep(0.02)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Launcher:
    """Safe for threads. At its end, or that of the tests, no service goes on."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-m", __name__]
        self._process = subprocess.Popen(
            command, stdin=theirs, cwd=forks.ROOT, env=os.environ | EARLY
        )
        theirs.close()
        self._socket, self._lines, self._lock = ours, ours.makefile("r"), threading.Lock()

    def start(
        self, command: Sequence[str], env: Mapping[str, str], log: Path, watchful: bool = False
    ) -> Launched:
        """`facegate serve` with these arguments; what it writes is added to the log."""
        asked = {"argv": list(command), "env": dict(env), "log": str(log), "watchful": watchful}
        return Launched(self, self.ask(**asked))

    def ask(self, **what: Any) -> Any:
        with self._lock:
            self._socket.sendall(json.dumps(what).encode() + b"\n")
            return json.loads(self._lines.readline())

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._process.wait(timeout=30)


@functools.cache
def launcher() -> Launcher:
    """The one of this test run."""
    one = Launcher()
    atexit.register(one.close)
    return one


def serve() -> None:
    """Fork for each line of standard input, a socket; never returns in a child."""
    _import_all()
    gc.freeze()  # a collection in a child would copy every page
    link, running = socket.socket(fileno=os.dup(0)), set[int]()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    try:
        for line in link.makefile("r"):
            answer = _answer(json.loads(line), running)
            link.sendall(json.dumps(answer).encode() + b"\n")
    finally:
        for pid in running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)


def _answer(asked: dict[str, Any], running: set[int]) -> int | None:
    if "ended" in asked:
        return _ended(asked["ended"], running)
    pid = os.fork()
    if pid == 0:
        _become(asked)
    running.add(pid)
    return pid


def _ended(pid: int, running: set[int]) -> int | None:
    found, status = os.waitpid(pid, os.WNOHANG)
    if not found:
        return None
    running.discard(pid)
    return os.waitstatus_to_exitcode(status)


def _import_all() -> None:
    for name in (*LATE, *forks.HEAVY):
        importlib.import_module(name)


def _count_anew() -> None:
    """Metrics begin when they are imported, in a folder that the environment names."""
    for name in [one for one in sys.modules if one.startswith("prometheus_client")]:
        del sys.modules[name]
    for name in ("metric_files", "metric_sums", "metrics"):
        importlib.reload(sys.modules[f"service.runtime.{name}"])


def _become(asked: dict[str, Any]) -> None:
    """Take over what the service is given, and end as after the console script."""
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    log = os.open(asked["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    for number, one in enumerate((os.open(os.devnull, os.O_RDONLY), log, log)):
        os.dup2(one, number)
    os.closerange(3, 64)
    forks.surround(asked["argv"], asked["env"])
    if asked["watchful"]:
        importlib.import_module("service.judging.housekeeping").REFRESH_EVERY = 0.3  # type: ignore[attr-defined]
    os.execve = _begin  # type: ignore[assignment]
    forks.end(forks.exit_code(importlib.import_module("service.cli").main))


def _begin(_: str, command: list[str], environment: dict[str, str]) -> None:
    """gunicorn, where `serve` would begin another program."""
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = command[command.index("gunicorn") :]
    _count_anew()
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        setattr(sys, name, open(number, "r" if number == 0 else "w", closefd=False))  # noqa: SIM115
    forks.end(forks.exit_code(importlib.import_module("gunicorn.app.wsgiapp").run))


if __name__ == "__main__":
    serve()
