"""What goes wrong on a host: killed containers, a full disk, a wrong password, a taken port, ..."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.containers.docker import (
    CACHE,
    HARDENED,
    DockerError,
    container,
    docker,
    inspect,
    issue,
    logs,
    read,
    run,
    service,
    state_of,
    wait,
    wait_live,
)
from tests.containers.stack import Stack
from tests.faults.load import Load, kept_ids
from tests.thorough import either

CYCLES = int(os.environ.get("FACEGATE_TEST_CYCLES", either(6, 3)))


@dataclass
class Target:
    """As much of a running service as the load needs."""

    base: str
    hash_id: str

    def results(self, path: str = "", **params: Any) -> requests.Response:
        key = {"Authorization": f"Bearer {self.hash_id}"}
        return requests.get(f"{self.base}/v1/results{path}", headers=key, params=params, timeout=60)


@pytest.fixture(scope="module")
def small_disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A device of 200 MB with a file system that the cache's user may write to."""
    file = str(tmp_path_factory.mktemp("disk") / "disk")
    run(["truncate", "-s", "200M", file])
    run(["mkfs.ext4", "-q", "-E", "root_owner=999:999", file])
    device = run(["losetup", "-f", "--show", file])
    yield device
    run(["losetup", "-d", device])


@pytest.fixture(scope="module")
def stack(service_image: str, cache_image: str, small_disk: str) -> Iterator[Stack]:
    """With a cache volume so small that it can be filled."""
    stack = Stack("fgfault-", "fgfault-network")
    mount = ("--opt", "type=ext4", "--opt", f"device={small_disk}")
    docker("volume", "create", *mount, "fgfault-facegate-cache-state")
    stack("up", "--set", "FACEGATE_STORE_RETRY=0.5")
    yield stack
    stack.purge()


@pytest.fixture
def target(stack: Stack) -> Target:
    wait(lambda: state_of(stack.base) == "ready", 240)
    return Target(stack.base, issue(stack.service))


def crash(name: str) -> None:
    """As a power cut or the kernel would; `docker kill` would count as a stop that was meant."""
    os.kill(inspect(name)["State"]["Pid"], signal.SIGKILL)


def seen(load: Load, more: int) -> None:
    """Wait for so many more answers."""
    target = len(load.answers) + more
    wait(lambda: len(load.answers) >= target, 240)


def test_a_cache_that_dies_under_load_fails_no_request(stack: Stack, target: Target) -> None:
    with Load(target, clients=2) as load:  # type: ignore[arg-type]
        seen(load, 5)
        docker("kill", stack.cache)
        wait(lambda: state_of(stack.base) == "degraded")
        seen(load, 5)
        docker("start", stack.cache)
        wait(lambda: state_of(stack.base) == "ready", 240)
        seen(load, 2)
    assert load.broken == []
    assert load.statuses == {200}
    wait(lambda: load.ids <= kept_ids(target))  # type: ignore[arg-type]


def test_a_service_that_dies_comes_back_with_every_acknowledged_result(
    stack: Stack, target: Target
) -> None:
    with Load(target, clients=2) as load:  # type: ignore[arg-type]
        seen(load, 5)
        crash(stack.service)
        wait(lambda: inspect(stack.service)["RestartCount"] >= 1)
        wait_live(stack.base)
        seen(load, 3)
    assert load.statuses <= {200, 503}
    wait(lambda: load.ids <= kept_ids(target))  # type: ignore[arg-type]


def test_a_full_disk_of_the_cache_fails_no_request(stack: Stack, target: Target) -> None:
    fill = "dd if=/dev/zero of=/data/db/fill bs=64k; sync"
    with Load(target, clients=1) as load:  # type: ignore[arg-type]
        seen(load, 3)
        docker("exec", stack.cache, "bash", "-c", fill, check=False)
        seen(load, 10)
        mount = inspect("fgfault-facegate-cache-state")["Mountpoint"]
        Path(mount, "fill").unlink()  # also when the server has gone down over it
        wait(lambda: state_of(stack.base) == "ready", 240)
        seen(load, 2)
    assert load.broken == []
    assert load.statuses == {200}


def test_a_wrong_password_is_degraded_and_never_told(
    service_image: str, cache_image: str, network: str
) -> None:
    right, wrong = "a-good-password", "not-the-password"
    alias = ("--network", network, "--network-alias", "mongodb-local")
    with container(*alias, "-e", "USER=svc", "-e", f"PASS={right}", image=CACHE):
        more = ("-e", "MONGODB_USER=svc", "-e", f"MONGODB_PASS={wrong}", "--network", network)
        with service(*more) as (name, base):
            wait(lambda: state_of(base) == "degraded")
            wait(lambda: read(base + "/status_check") == "Service is Live.")  # of every worker
            assert wrong not in logs(name) + read(base + "/readyz") + read(base + "/metrics")


def test_a_taken_port_is_one_sentence(service_image: str, cache_image: str) -> None:
    stack = Stack("fgport-", "fgport-network")
    try:
        with socket.create_server(("127.0.0.1", stack.port)):
            told = stack("up", check=False)
        assert f"Port {stack.port} of 127.0.0.1 is taken." in told
        assert stack("up").count("Service is Live.") == 1  # and then all is well
    finally:
        stack.purge()


def test_too_little_memory_is_one_sentence(service_image: str) -> None:
    with pytest.raises(DockerError) as caught:
        docker(
            "run", "--rm", *HARDENED, "--memory", "300m", "-e", "FACEGATE_WORKERS=2", service_image
        )
    told = str(caught.value)
    assert "facegate: 300 MiB of memory may be used (container limit included); " in told
    assert "MiB are needed (workers: 2)." in told
    assert "Raise the memory limit" in told
    assert "Traceback" not in told


def test_a_read_only_data_folder_is_one_sentence(service_image: str) -> None:
    with pytest.raises(DockerError, match="The data folder /data cannot be written to"):
        docker("run", "--rm", *HARDENED, "--tmpfs", "/data:ro", service_image)


@pytest.mark.alone
def test_starts_and_stops_leave_nothing_behind(service_image: str) -> None:
    with service():  # what the engine itself allots once
        pass
    before = belongings()
    for _ in range(CYCLES):
        with service() as (name, _):
            docker("stop", "-t", "40", name)
            assert inspect(name)["State"]["ExitCode"] == 0
    wait(lambda: belongings() == before, explain=lambda: f"{before}\n{belongings()}")


def belongings() -> dict[str, int]:
    """What a start that is not wholly undone would leave on the host."""
    links = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout
    mounts = Path("/proc/self/mounts").read_text()
    return {
        "containers": len(docker("ps", "-aq").split()),
        "volumes": len(docker("volume", "ls", "-q").split()),
        "interfaces": links.count("veth"),
        "mounts": mounts.count("/docker/"),
    }
