"""The platform of deploy/compose.yaml by `make start|stop|health|logs`, with a real engine."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator

import pytest
import requests

from tests.containers.docker import CACHE, SERVICE, docker, logs, run, wait
from tests.images import genuine
from tests.servers import free_port

PROJECT = "fgplatform"
COMPOSE = shutil.which("docker-compose")
pytestmark = pytest.mark.skipif(not COMPOSE, reason="needs docker-compose")


class Platform:
    """One installation; `platform("health")` runs that target and answers what it printed."""

    def __init__(self) -> None:
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"

    def __call__(self, target: str, check: bool = True) -> str:
        # A busy test machine may take longer than a server room; how long is not tested here.
        env = {"IMAGE": SERVICE, "CACHE_IMAGE": CACHE, "PORT": str(self.port), "WORKERS": "1"}
        make = ["make", target, f"COMPOSE={COMPOSE}", f"PROJECT={PROJECT}"]
        return run(make, check=check, timeout=600, STORE_TIMEOUT="5", **env)

    def of(self, service: str) -> str:
        """The container of a service."""
        labels = (f"project={PROJECT}", f"service={service}")
        filters = [f"--filter=label=com.docker.compose.{label}" for label in labels]
        return docker("ps", "-aq", *filters)

    def ask(self, key: str, image: bytes) -> requests.Response:
        files = {"file": ("me.jpg", image)}
        fields = {"ensemble_method": "average"}
        return requests.post(
            self.base + "/detect", fields, files=files, headers={"X-Hash-Id": key}, timeout=60
        )


@pytest.fixture(scope="module")
def platform(service_image: str, cache_image: str) -> Iterator[Platform]:
    platform = Platform()
    assert "Service is Live." in platform("start")
    yield platform
    platform("stop")
    docker("volume", "rm", *docker("volume", "ls", "-q", "-f", f"name={PROJECT}_").split())


@pytest.fixture(scope="module")
def key(platform: Platform) -> str:
    said = docker("exec", platform.of("gateway"), "facegate", "licence", "issue", "test")
    return said.partition("hash_id: ")[2].split()[0]


def test_both_detectors_answer(platform: Platform, key: str) -> None:
    answer = platform.ask(key, genuine()).json()
    assert set(answer["model_results"]) == {"detector-a", "detector-b"}
    first, second = (one["probability"] for one in answer["model_results"].values())
    assert first != second  # each runs a model of its own
    assert answer["ensemble_method_used"] == "average"
    assert requests.get(platform.base + "/readyz", timeout=30).json()["store"]["kind"] == "mongo"


def test_one_that_is_stopped_is_left_out_and_comes_back(platform: Platform, key: str) -> None:
    docker("stop", platform.of("detector-b"))
    answer = platform.ask(key, genuine() + b"stopped").json()
    assert answer["model_results"]["detector-b"] == {"error": "This detector did not answer."}
    assert "probability" in answer["model_results"]["detector-a"]
    platform("start")
    again = iter(range(1000))
    wait(lambda: "error" not in platform.ask(key, genuine() + b"%d" % next(again)).text, 240)


def test_only_the_gateway_is_published(platform: Platform) -> None:
    assert json.loads(docker("network", "inspect", f"{PROJECT}_inside"))[0]["Internal"]
    ports = {name: docker("port", platform.of(name)) for name in ("cache", "detector-a")}
    assert ports == {"cache": "", "detector-a": ""}


def test_the_password_is_nowhere_to_be_seen(platform: Platform) -> None:
    password = docker("exec", platform.of("gateway"), "cat", "/secrets/service/pass")
    assert len(password) > 40
    for name in ("secrets", "cache", "register", "gateway"):
        about = docker("inspect", platform.of(name)) + logs(platform.of(name))
        assert password not in about


def test_the_logs_are_those_of_all(platform: Platform) -> None:
    told = platform("logs")
    assert all(name in told for name in ("gateway", "detector-a", "detector-b", "cache"))


def test_what_was_there_is_there_after_a_stop(platform: Platform, key: str) -> None:
    platform("stop")
    assert platform.of("gateway") == ""
    assert "Not Live" in platform("health", check=False)
    platform("start")
    assert platform.ask(key, genuine()).status_code == 200
