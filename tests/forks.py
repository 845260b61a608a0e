"""Run `facegate` in a process of its own without the seconds of its imports.

A server that has imported everything forks for each command; the child gets the arguments,
environment, folder and streams that a shell would give it, and ends as any process does.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import gc
import importlib
import json
import os
import pkgutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

Ran = subprocess.CompletedProcess[bytes]
ROOT = Path(__file__).parents[1]
SCRIPT = Path(sys.executable).with_name("facegate")
GONE = "a pipe that nobody reads"
CLOSED = "no stream at all"
# What commands import when they run. Nothing here starts a thread, which a fork would lose.
HEAVY = (
    *("service.analysis.image", "service.judging.judge", "service.fitting", "service.licensing"),
    *("boto3", "botocore.session", "pymongo", "rich.console", "typer.rich_utils"),
)


@functools.cache
def fork_server() -> ForkServer:
    """The one of this test run."""
    server = ForkServer()
    atexit.register(server.close)
    return server


class ForkServer:
    """Safe for threads; one command at a time."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        self._process = subprocess.Popen([sys.executable, "-m", __name__], stdin=theirs, cwd=ROOT)
        theirs.close()
        self._socket, self._lines, self._lock = ours, ours.makefile("r"), threading.Lock()

    def run(
        self,
        arguments: Sequence[object],
        env: Mapping[str, str],
        cwd: Path,
        stdin: bytes = b"",
        timeout: float = 60,
        stdout: str | None = None,
    ) -> Ran:
        """Output goes into a file, or to `stdout`: a path, GONE or CLOSED.

        Raises TimeoutExpired, when the command is killed.
        """
        command = [str(SCRIPT), *map(str, arguments)]
        with self._lock, tempfile.TemporaryDirectory() as folder:
            files = [Path(folder) / name for name in ("in", "out", "err")]
            files[0].write_bytes(stdin)
            given, out, err = map(str, files)
            asked = {"argv": command, "env": dict(env), "cwd": str(cwd)}
            streams = [CLOSED] * 3 if stdout == CLOSED else [given, stdout or out, err]
            code = self._ask(asked | {"files": streams}, timeout)
            written = b"" if stdout else files[1].read_bytes()
            told = b"" if stdout == CLOSED else files[2].read_bytes()
            return Ran(command, code, written, told)

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._process.wait(timeout=30)

    def _ask(self, asked: dict[str, Any], timeout: float) -> int:
        self._socket.sendall(json.dumps(asked).encode() + b"\n")
        self._socket.settimeout(None)
        pid = int(self._lines.readline())
        alarm = _KillAfter(timeout, pid)
        with alarm:
            code = int(self._lines.readline())
        if alarm.killed:
            raise subprocess.TimeoutExpired(asked["argv"], timeout)
        return code


class _KillAfter:
    def __init__(self, seconds: float, pid: int) -> None:
        self.killed, self._pid = False, pid
        self._timer = threading.Timer(seconds, self._kill)

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def _kill(self) -> None:
        self.killed = True
        os.kill(self._pid, signal.SIGKILL)


def serve() -> None:
    """Fork for each line of standard input, a socket; never returns in a child."""
    _import_all()
    gc.freeze()  # a collection in a child would copy every page
    link = socket.socket(fileno=os.dup(0))
    for line in link.makefile("r"):
        pid = os.fork()
        if pid == 0:
            link.detach()
            _become(json.loads(line))
        link.sendall(f"{pid}\n".encode())
        link.sendall(f"{os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}\n".encode())


def _import_all() -> None:
    import service.cli
    import service.commands

    for module in pkgutil.walk_packages(service.commands.__path__, "service.commands."):
        importlib.import_module(module.name)
    for name in HEAVY:
        importlib.import_module(name)
    share_descriptions()
    from boto3 import Session

    keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x"}
    for name in ("s3", "sqs", "sts"):
        Session(**keys, region_name="eu-central-1").client(name)


def share_descriptions() -> None:
    """Let botocore read its long descriptions of services once for all its sessions."""
    import botocore.loaders
    import botocore.session

    botocore.session.create_loader = functools.cache(botocore.loaders.create_loader)


def _become(asked: dict[str, Any]) -> None:
    """Take over what the command is given, and end as after the console script."""
    modes = (os.O_RDONLY, os.O_WRONLY | os.O_CREAT, os.O_WRONLY | os.O_CREAT)
    opened = [_open(file, mode) for file, mode in zip(asked["files"], modes, strict=True)]
    for number, one in enumerate(opened):
        os.close(number) if one is None else os.dup2(one, number)
    os.closerange(3, 64)
    os.chdir(asked["cwd"])
    surround(asked["argv"], asked["env"])
    if asked["files"][1] == CLOSED:
        sys.stdin = sys.stdout = sys.stderr = None  # type: ignore[assignment]
    else:
        _text_streams(asked["env"].get("PYTHONIOENCODING"))
    end(exit_code(importlib.import_module("service.cli").main))


def surround(command: list[str], environment: Mapping[str, str]) -> None:
    """As a new interpreter finds it."""
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = command
    sys.path[:0] = filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))


def _open(file: str, mode: int) -> int | None:
    if file == CLOSED:
        return None
    if file != GONE:
        return os.open(file, mode)
    reader, writer = os.pipe()
    os.close(reader)
    return writer


def _text_streams(encoding: str | None) -> None:
    sys.stdin = open(0, closefd=False, encoding=encoding)  # noqa: SIM115
    sys.stdout = open(1, "w", closefd=False, encoding=encoding)  # noqa: SIM115
    sys.stderr = open(  # noqa: SIM115
        2, "w", closefd=False, encoding=encoding, errors="backslashreplace"
    )


def exit_code(main: Callable[[], None]) -> int:
    try:
        main()
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def end(code: int) -> None:
    """All that an interpreter does at its end but taking every module apart, which takes long."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in filter(None, (sys.stdout, sys.stderr)):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    serve()
