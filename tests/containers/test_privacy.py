"""A container in a network that answers everything: it asks for nothing in a minute."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.containers.docker import container, docker, inspect, issue, wait_live
from tests.containers.test_image import liveness
from tests.servers import free_port
from tests.thorough import either

SECONDS = either(60, 25)
# The engine's own resolver answers inside the container: what it is asked goes out by this one.
NOWHERE = "192.0.2.53"


@contextmanager
def heard(name: str) -> Iterator[list[str]]:
    """Packets that leave the container and open something; filled in at the end."""
    pid = str(inspect(name)["State"]["Pid"])
    what = "udp or (tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn) or ip6"
    command = ["nsenter", "-t", pid, "-n", "tcpdump", "-Q", "out", "-lnqi", "any", what]
    lines: list[str] = []
    watch = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    time.sleep(2)
    try:
        yield lines
    finally:
        watch.terminate()
        lines += watch.communicate(timeout=30)[0].splitlines()


def outgoing(lines: list[str], port: int) -> list[str]:
    """Without the test's own questions, and without what the kernel's IPv6 says by itself."""
    ours = (f".{port}:", "ICMP6", "hop-by-hop", "127.0.0.1.5001:")
    return [line for line in lines if line and not any(word in line for word in ours)]


def written(name: str) -> list[str]:
    """What changed in the container's own file system; its volume is none of it."""
    changed = [line.split()[1] for line in docker("diff", name).splitlines()]
    return [path for path in changed if not path.startswith("/tmp")]


def test_a_container_reaches_for_nothing(service_image: str) -> None:
    port = free_port()
    # Not --read-only, nor --init, whose program the engine adds: what is written must show.
    options = ("--cap-drop", "ALL", "--dns", NOWHERE, "-p", f"127.0.0.1:{port}:5001")
    with container(*options, "-e", "FACEGATE_STORE=sqlite", image=service_image) as name:
        base = f"http://127.0.0.1:{port}"
        with heard(name) as lines:
            wait_live(base, name)
            hash_id = issue(name)
            end = time.monotonic() + SECONDS
            while time.monotonic() < end:
                assert liveness(base, hash_id).status_code == 200
                time.sleep(1)
        assert outgoing(lines, 5001) == []
        assert written(name) == []


def test_the_watch_sees_a_question_and_a_file(service_image: str) -> None:
    with container("--dns", NOWHERE, image=service_image) as name:
        with heard(name) as lines:
            code = "import socket; socket.getaddrinfo('example.com', 443)"
            docker("exec", name, "python", "-c", code, check=False)
            docker("exec", "-u", "0", name, "python", "-c", "open('/opt/seen', 'w')")
        assert outgoing(lines, 5001)
        assert "/opt/seen" in written(name)
