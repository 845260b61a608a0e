"""`docker-network.sh`, and the published commands as they stand."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import requests

from tests.containers.docker import (
    CACHE,
    LIVE,
    SERVICE,
    docker,
    inspect,
    issue,
    logs,
    read,
    state_of,
    wait,
    wait_live,
)
from tests.containers.stack import Stack
from tests.containers.test_image import liveness
from tests.servers import free_port

PATIENT = ("-e", "FACEGATE_STORE_TIMEOUT=5")


@pytest.fixture(scope="module")
def stack(service_image: str, cache_image: str) -> Iterator[Stack]:
    """A stack that is up."""
    stack = Stack("fgnet-", "fgnet-network")
    stack("up")
    yield stack
    stack.purge()


def test_up_tells_what_runs_where(stack: Stack) -> None:
    told = stack("up")
    assert f"{LIVE} http://127.0.0.1:{stack.port}" in told
    assert f"{stack.cache}: running" in told
    assert read(stack.base + "/status_check") == LIVE


def test_a_second_up_changes_nothing(stack: Stack) -> None:
    before = inspect(stack.service)["Id"], inspect(stack.cache)["Id"]
    stack("up")
    assert (inspect(stack.service)["Id"], inspect(stack.cache)["Id"]) == before


def test_the_service_keeps_its_state_in_the_cache_container(stack: Stack) -> None:
    hash_id = issue(stack.service)
    assert liveness(stack.base, hash_id).status_code == 200
    wait(lambda: state_of(stack.base) == "ready")
    assert json.loads(read(stack.base + "/readyz"))["store"]["kind"] == "mongo"


def test_health_and_log_say_that_it_is_a_stand_in(stack: Stack) -> None:
    wait(lambda: json.loads(read(stack.base + "/readyz"))["store"].get("server") == "stand-in")
    assert "embedded stand-in for MongoDB" in logs(stack.cache)


def test_secrets_are_files_of_mode_600_and_stand_nowhere_else(stack: Stack) -> None:
    mode = "stat -c '%a %u' /secrets/service/pass"
    assert docker("exec", stack.service, "sh", "-c", mode) == "600 10001"
    assert docker("exec", stack.cache, "stat", "-c", "%a %u", "/secrets/cache/pass") == "600 999"
    secret = docker("exec", stack.service, "cat", "/secrets/service/pass")
    told = json.dumps([inspect(stack.service), inspect(stack.cache)])
    told += logs(stack.service) + logs(stack.cache) + stack("up") + stack("status")
    assert len(secret) >= 40
    assert secret not in told


def test_neither_container_reads_the_other_s_secret(stack: Stack) -> None:
    assert "denied" in docker("exec", stack.service, "cat", "/secrets/cache/pass", check=False)
    assert "denied" in docker("exec", stack.cache, "cat", "/secrets/service/pass", check=False)


def test_both_containers_are_locked_down(stack: Stack) -> None:
    for name in (stack.service, stack.cache):
        host = inspect(name)["HostConfig"]
        assert host["ReadonlyRootfs"]
        assert host["CapDrop"] == ["ALL"]
        assert host["Memory"] > 0
        assert host["RestartPolicy"]["Name"] == "unless-stopped"


def test_only_the_service_is_published_and_on_loopback_only(stack: Stack) -> None:
    assert docker("port", stack.cache) == ""
    assert docker("port", stack.service) == f"5001/tcp -> 127.0.0.1:{stack.port}"


def test_state_outlives_down_and_up(stack: Stack) -> None:
    hash_id = issue(stack.service)
    stack("down")
    assert read(stack.base + "/status_check") == ""
    stack("up")
    assert liveness(stack.base, hash_id).status_code == 200


def test_options_reach_the_containers(stack: Stack) -> None:
    stack("down")
    stack("up", "--memory", "3g", "--cpus", "1", "--set", "FACEGATE_LOG_LEVEL=warning")
    host = inspect(stack.service)["HostConfig"]
    assert (host["Memory"], host["NanoCpus"]) == (3 * 2**30, 10**9)
    # One core, so one worker: the quota is respected.
    assert "facegate_ready_workers 1.0" in read(stack.base + "/metrics")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("up", "--nonsense", "1"), "--nonsense is not known"),
        (("rollback",), "There is nothing to go back to."),
    ],
)
def test_a_wrong_call_gets_one_sentence(
    stack: Stack, arguments: tuple[str, ...], sentence: str
) -> None:
    assert sentence in stack(*arguments, check=False)
    assert stack.status(*arguments) == 1


@pytest.fixture
def published(service_image: str, cache_image: str) -> Iterator[dict[str, str]]:
    """The names of the published commands."""
    docker("tag", CACHE, "localhost/cache:latest")
    docker("tag", SERVICE, "localhost/deepfake_detection:fg_example")
    yield {"cache": "localhost/cache:latest", "service": "localhost/deepfake_detection:fg_example"}
    for name in ("ml_services_container", "mongodb_local_container"):
        docker("rm", "-f", "-v", name, check=False)
    docker("network", "rm", "facia-network", check=False)
    docker("rmi", "localhost/cache:latest", "localhost/deepfake_detection:fg_example")


def start_published(names: dict[str, str], *more: str) -> str:
    """As published, but for the port of the host, which may be taken on a test machine."""
    port = free_port()
    for line in (
        "docker network create facia-network",
        "docker run -d --name mongodb_local_container --network facia-network"
        f" -e USER=facia -e PASS=a-good-password {names['cache']}",
        "docker run -d --name ml_services_container --network facia-network"
        f" --link mongodb_local_container:mongodb-local {' '.join(more)}"
        f" -p 127.0.0.1:{port}:5001 {names['service']}",
    ):
        docker(*line.split()[1:])
    base = f"http://127.0.0.1:{port}"
    wait_live(base, "ml_services_container")
    return base


def test_the_published_commands_as_they_stand(published: dict[str, str]) -> None:
    """A link passes no password on such a network: live, and degraded until it gets one."""
    base = start_published(published)
    assert read(base + "/status_check") == LIVE
    wait(lambda: state_of(base) == "degraded")
    assert requests.post(f"{base}/liveness", json={}, timeout=30).status_code in (400, 401)


def test_the_published_commands_with_the_same_credentials(published: dict[str, str]) -> None:
    credentials = ("-e", "MONGODB_USER=facia", "-e", "MONGODB_PASS=a-good-password")
    base = start_published(published, *PATIENT, *credentials)
    wait(lambda: state_of(base) == "ready")
    hash_id = issue("ml_services_container")
    assert [liveness(base, hash_id).status_code for _ in range(8)] == [200] * 8


def test_an_old_style_link_passes_the_credentials_itself(
    service_image: str, cache_image: str
) -> None:
    """On the default network, with no credentials but the cache's own USER and PASS."""
    port, names = free_port(), ("fgold-cache", "fgold-service")
    try:
        secret = ("-e", "USER=facia", "-e", "PASS=a-good-password")
        docker("run", "-d", "--name", names[0], *secret, CACHE)
        link = ("--link", f"{names[0]}:mongodb-local", "-p", f"127.0.0.1:{port}:5001")
        docker("run", "-d", "--name", names[1], *link, *PATIENT, SERVICE)
        wait(lambda: state_of(f"http://127.0.0.1:{port}") == "ready", 240)
        assert liveness(f"http://127.0.0.1:{port}", issue(names[1])).status_code == 200
    finally:
        docker("rm", "-f", "-v", *names, check=False)
