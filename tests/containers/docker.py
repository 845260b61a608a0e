"""The Docker engine, by its own command line: `docker("ps", "-q")` answers what it printed."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from tests.servers import free_port

ROOT = Path(__file__).parents[2]
# A client of another origin, earlier in PATH, may lack BuildKit.
DOCKER = "/usr/bin/docker" if Path("/usr/bin/docker").exists() else "docker"
SERVICE, CACHE = "facegate-test:1", "facegate-test-cache:1"
HARDENED = (
    *("--init", "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL"),
    *("--security-opt", "no-new-privileges"),
)
LIVE = "Service is Live."


class DockerError(RuntimeError):
    """A command that failed; what it wrote is the text."""


def docker(*arguments: str, check: bool = True, timeout: float = 600) -> str:
    """Standard output, stripped; with standard error where `check` is False."""
    return run([DOCKER, *arguments], check=check, timeout=timeout)


def run(command: Sequence[str], *, check: bool = True, timeout: float = 600, **env: str) -> str:
    """The same for any program of the repository."""
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | {"DOCKER": DOCKER, "DOCKER_BUILDKIT": "1"} | env,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    if check and done.returncode:
        raise DockerError(f"{' '.join(command)}\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return (done.stdout if check else done.stdout + done.stderr).strip()


def build(tag: str, *options: str) -> str:
    """Build an image from the repository; returns its id."""
    return docker("build", "-q", "-t", tag, *options, ".", timeout=600)


@contextmanager
def container(*arguments: str, image: str = SERVICE) -> Iterator[str]:
    """A detached container, removed with its anonymous volumes."""
    name = docker("run", "-d", *arguments, image)
    try:
        yield name
    finally:
        docker("rm", "-f", "-v", name)


@contextmanager
def service(*arguments: str, image: str = SERVICE) -> Iterator[tuple[str, str]]:
    """(container, address) of a hardened service that is live."""
    port = free_port()
    with container(*HARDENED, "-p", f"127.0.0.1:{port}:5001", *arguments, image=image) as name:
        base = f"http://127.0.0.1:{port}"
        wait_live(base, name)
        yield name, base


def wait_live(base: str, name: str | None = None, seconds: float = 240) -> None:
    """Until /status_check says so."""
    wait(lambda: read(base + "/status_check") == LIVE, seconds, lambda: logs(name) if name else "")


def wait(
    done: Callable[[], object], seconds: float = 240, explain: Callable[[], str] = lambda: ""
) -> None:
    """Until a callable is true; the explanation goes into the failure."""
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            raise AssertionError(f"not in {seconds:g} s: {explain()[-4000:]}")
        time.sleep(0.1)


def read(address: str) -> str:
    """What an address answers; nothing while nobody listens."""
    try:
        return requests.get(address, timeout=30).text
    except requests.RequestException:
        return ""


def state_of(base: str) -> str:
    """`starting`, `ready`, `degraded`, `failed`, or nothing while nobody listens."""
    body = read(base + "/readyz")
    return str(json.loads(body)["state"]) if body else ""


def logs(name: str) -> str:
    return docker("logs", name, check=False)


def inspect(name: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = json.loads(docker("inspect", name))
    return found[0]


def facegate(name: str, *arguments: str) -> str:
    """The `facegate` command in a running container."""
    return docker("exec", name, "facegate", *arguments)


def issue(name: str) -> str:
    """The hash_id of a new licence."""
    return facegate(name, "licence", "issue", "test").partition("hash_id: ")[2].split()[0]
