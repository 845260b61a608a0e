"""Real servers for tests, each a subprocess on a free port of localhost.

with MongoServer(folder) as server:
    pymongo.MongoClient(server.uri)
    server.kill()    # SIGKILL; the data folder stays
    server.start()   # the same port, the same data
"""

from __future__ import annotations

import atexit
import json
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from functools import cache, cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import pymongo
from pymongo.errors import PyMongoError

SCHEMA = json.loads((Path(__file__).parents[1] / "cache" / "schema.json").read_text())


def free_port() -> int:
    """A port that nothing listens on, and that the kernel gives to no outgoing connection.

    So it is still free when a server that was killed wants it again.
    """
    while True:
        port = random.randrange(15_000, 32_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@cache
def _with_user(user: str, password: str) -> Path:
    """The data of a server that has this user: made once, since a start takes seconds."""
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder)
    MongoServer(folder / "mongo", user, password).create_user()
    return folder / "mongo"


class MongoServer:
    """A single MongoDB wire-protocol server that asks for a user and a password.

    A standalone node, as the cache container is; what it acknowledged survives SIGKILL.
    """

    def __init__(
        self,
        folder: Path,
        user: str = "face gate",
        password: str = "p@ss/w:rd%",
        tls: tuple[Path, Path] | None = None,
    ) -> None:
        """tls: the files of a certificate for 127.0.0.1, and of its key."""
        self.folder = folder
        self.user, self.password = user, password
        self._tls = tls
        self._secured = f"&tls=true&tlsCAFile={quote(str(tls[0]), safe='')}" if tls else ""
        self.port = free_port()
        self.host = f"127.0.0.1:{self.port}"
        self.log = folder.with_name(folder.name + ".log")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def uri(self) -> str:
        """With the credentials, percent-encoded."""
        credentials = f"{quote(self.user, safe='')}:{quote(self.password, safe='')}"
        return f"mongodb://{credentials}@{self.host}/?authSource=admin{self._secured}"

    def __enter__(self) -> Self:
        shutil.copytree(_with_user(self.user, self.password), self.folder, dirs_exist_ok=True)
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.kill()

    def with_schema(self, database: str) -> str:
        """The name of a database whose collections are validated as the cache container does it."""
        with pymongo.MongoClient[dict[str, Any]](self.uri) as client:
            for name, wanted in SCHEMA["collections"].items():
                client[database].create_collection(name)
                client[database].command(
                    "collMod", name, validator=wanted["validator"], validationLevel="moderate"
                )
        return database

    @cached_property
    def _shared(self) -> str:
        return self.with_schema("shared")

    def emptied(self) -> str:
        """Always the same database: to make a schema takes longer than to remove what it holds."""
        with pymongo.MongoClient[dict[str, Any]](self.uri) as client:
            database = client[self._shared]
            for name in database.list_collection_names():
                database[name].delete_many({})
        return self._shared

    def start(self) -> None:
        """Start on the same port and the same data; returns when it answers."""
        self._launch("--auth")
        self._wait(self.uri).close()

    def stop(self) -> None:
        """Shut down in order."""
        self._signal(signal.SIGTERM)
        self._join()

    def kill(self) -> None:
        """SIGKILL, as a power cut or the kernel's memory killer would."""
        self._signal(signal.SIGKILL)
        self._join()

    def pause(self) -> None:
        """Freeze: connections are accepted, nothing answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def _launch(self, *options: str) -> None:
        arguments = ["--port", str(self.port), "--storage-path", str(self.folder), "--standalone"]
        arguments += ["--sync-on-commit", "--enable-test-commands", "--cache-size", "64M"]
        arguments += ["--log-level", "WARNING"]
        if self._tls is not None:
            arguments += ["--tls-cert-file", str(self._tls[0]), "--tls-key-file", str(self._tls[1])]
        command = [sys.executable, "-m", "secantus", *arguments, *options]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)

    def create_user(self) -> None:
        """On a server that asks nobody for a password yet; it is killed after."""
        self._launch()
        with self._wait(f"mongodb://{self.host}/") as client:
            client.admin.command("createUser", self.user, pwd=self.password, roles=["root"])
        self.kill()

    def _wait(self, uri: str, seconds: float = 30.0) -> pymongo.MongoClient[dict[str, Any]]:
        deadline = time.monotonic() + seconds
        while True:
            self._wait_for_port(deadline)
            client: pymongo.MongoClient[dict[str, Any]]
            client = pymongo.MongoClient(uri, serverSelectionTimeoutMS=200)
            try:
                client.admin.command("ping")
                return client
            except PyMongoError:
                client.close()
                if time.monotonic() > deadline or self._ended():
                    told = self.log.read_text(errors="replace")[-2000:]
                    raise RuntimeError(f"the server does not start:\n{told}") from None

    def _wait_for_port(self, deadline: float) -> None:
        """A driver that finds nobody waits longer than a look at the port takes."""
        while time.monotonic() < deadline and not self._ended():
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.02)

    def _ended(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and not self._ended():
            self._process.send_signal(number)

    def _join(self) -> None:
        if self._process is not None:
            self._process.wait(timeout=30)
