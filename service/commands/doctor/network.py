"""`facegate doctor --network`: check that judging opens no connection."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import psutil

from service import SILENCED
from service.commands.doctor.finding import Diagnosis, failed, ok, warning
from service.settings import Settings

SECONDS = 30.0  # what reports its use does so 10 to 20 seconds after its start
OFTEN = 0.02  # seconds between two looks from outside
NAMESPACES = (("unshare", "--net"), ("unshare", "--user", "--map-root-user", "--net"))
BLAME = (
    "Something that is installed here calls its maker: let this user open no connections, and"
    " tell the maintainers."
)


def check_network(settings: Settings, seconds: float = SECONDS) -> Diagnosis:  # noqa: ARG001
    """Judge in a process without a network; where that is not allowed, watch its sockets."""
    for namespace in NAMESPACES:
        if _allowed(namespace):
            return _count(namespace, seconds)
    return _watch(seconds)


def _allowed(namespace: tuple[str, ...]) -> bool:
    nothing = [*namespace, sys.executable, "-c", ""]
    try:
        return subprocess.run(nothing, capture_output=True, check=False).returncode == 0  # noqa: S603
    except OSError:
        return False


def _probe(namespace: tuple[str, ...], seconds: float) -> subprocess.Popen[str]:
    """A fresh process, told nothing that makes libraries silent: the code itself must do it."""
    told = {"CI", *SILENCED}
    return subprocess.Popen(  # noqa: S603 (no shell, our own module)
        [*namespace, sys.executable, "-m", "service.commands.doctor.network_probe", str(seconds)],
        env={name: value for name, value in os.environ.items() if name not in told},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def _count(namespace: tuple[str, ...], seconds: float) -> Diagnosis:
    process = _probe(namespace, seconds)
    out, _ = process.communicate()
    if process.returncode:
        return _not_run()
    if int(out):
        return failed(
            f"In {seconds:g} s of judging the network was asked for {out.strip()} times.", BLAME
        )
    return ok(
        f"In {seconds:g} s of judging no packet was sent or tried: it ran in a network namespace of"
        " its own, in which the kernel counts each attempt."
    )


def _watch(seconds: float) -> Diagnosis:
    process, seen = _probe((), seconds), set[str]()
    while process.poll() is None:
        seen |= _sockets(process.pid)
        time.sleep(OFTEN)
    if process.returncode:
        return _not_run()
    if seen:
        return failed(f"While judging it opened {', '.join(sorted(seen))}.", BLAME)
    return ok(
        f"In {seconds:g} s of judging no socket was seen. This user may make no network namespace,"
        f" so we looked every {OFTEN * 1000:g} ms: run it as root to have each attempt counted."
    )


def _sockets(pid: int) -> set[str]:
    """Internet sockets of a process and all below it."""
    try:
        top = psutil.Process(pid)
        tree = [top, *top.children(recursive=True)]
        found = [one for process in tree for one in process.net_connections("inet")]
    except (psutil.Error, OSError):
        return set()
    ends = (one.raddr or one.laddr for one in found)
    return {f"{end.ip}:{end.port}" if end else "a socket" for end in ends}


def _not_run() -> Diagnosis:
    return warning(
        "The models could not be run, so nothing was watched.",
        "Run `facegate doctor` without --network first.",
    )
