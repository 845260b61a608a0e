"""Upgrade and rollback on one host: state stays, and what does not start changes nothing."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from tests.containers.docker import DOCKER, SERVICE, docker, facegate, inspect, issue, read
from tests.containers.stack import Stack
from tests.containers.test_image import liveness

# Each command has five seconds for the store, which another test's containers may take away.
pytestmark = pytest.mark.alone
NEXT, BROKEN = "facegate-upgrade:2", "facegate-upgrade:broken"


def derive(tag: str, line: str) -> str:
    """An image that differs from the tested one by one line of its Dockerfile."""
    command = [DOCKER, "build", "-q", "-t", tag, "-"]
    recipe = f"FROM {SERVICE}\n{line}\n".encode()
    subprocess.run(command, input=recipe, check=True, capture_output=True)
    return tag


@pytest.fixture(scope="module")
def stack(service_image: str, cache_image: str) -> Iterator[Stack]:
    derive(NEXT, "LABEL org.opencontainers.image.version=2.0.0")
    derive(BROKEN, "ENV FACEGATE_DETECTORS=nobody")
    stack = Stack("fgup-", "fgup-network")
    stack("up")
    yield stack
    stack.purge()
    docker("rmi", NEXT, BROKEN, check=False)


def image_of(stack: Stack) -> str:
    return str(inspect(stack.service)["Config"]["Image"])


def test_an_upgrade_that_does_not_start_leaves_the_old_one_serving(stack: Stack) -> None:
    before, hash_id = inspect(stack.service)["Id"], issue(stack.service)
    told = stack("upgrade", "--image", BROKEN, check=False)
    assert f"does not become ready; {SERVICE} goes on serving." in told
    assert "nobody" in told  # the sentence with which the new one refused
    assert inspect(stack.service)["Id"] == before
    assert liveness(stack.base, hash_id).status_code == 200


def test_an_image_that_is_not_there_leaves_the_old_one_serving(stack: Stack) -> None:
    before = inspect(stack.service)["Id"]
    told = stack("upgrade", "--image", "localhost:1/nowhere:1", check=False)
    assert "There is no image localhost:1/nowhere:1, and it cannot be pulled." in told
    assert inspect(stack.service)["Id"] == before
    assert read(stack.base + "/status_check") == "Service is Live."


def test_state_of_the_old_one_is_read_by_the_new_one_and_back(stack: Stack) -> None:
    hash_id = issue(stack.service)
    stack("upgrade", "--image", NEXT)
    assert image_of(stack) == NEXT
    assert liveness(stack.base, hash_id).status_code == 200
    newer = issue(stack.service)
    stack("rollback")
    assert image_of(stack) == SERVICE
    assert liveness(stack.base, hash_id).status_code == 200
    assert liveness(stack.base, newer).status_code == 200


def test_a_rollback_may_take_the_state_back_too(stack: Stack) -> None:
    stack("upgrade", "--image", NEXT)
    docker("exec", stack.service, "touch", "/data/written-by-2")
    stack("rollback", "--with-state")
    assert "written-by-2" not in docker("exec", stack.service, "ls", "/data")
    assert "test" in facegate(stack.service, "licence", "list")
