"""Images that all container tests share, built once a run; the engine is there already."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest

from tests.containers.docker import CACHE, SERVICE, build, docker, service


@pytest.fixture(scope="session")
def service_image() -> str:
    """The service's image, as `docker build .` makes it."""
    build(SERVICE, "--build-arg", "VERSION=1.0.0", "--build-arg", "REVISION=abc")
    return SERVICE


@pytest.fixture(scope="session")
def cache_image() -> str:
    """The cache's image with the embedded stand-in: no MongoDB image is to be had here."""
    build(CACHE, "-f", "Dockerfile.cache", "--build-arg", "VARIANT=standin")
    return CACHE


@pytest.fixture(scope="session")
def running(service_image: str) -> Iterator[tuple[str, str]]:
    """(container, address) of a service with its own SQLite store."""
    with service(image=service_image) as found:
        yield found


@pytest.fixture
def network() -> Iterator[str]:
    """A bridge network of its own."""
    name = f"facegate-test-{uuid4().hex}"
    docker("network", "create", name)
    yield name
    docker("network", "rm", name)
