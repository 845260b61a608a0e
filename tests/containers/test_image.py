"""The service's image: what is in it, how it runs, how it ends."""

from __future__ import annotations

import json
import re
import threading
import time
from itertools import count
from typing import Any

import pytest
import requests

from tests.containers.docker import (
    HARDENED,
    ROOT,
    SERVICE,
    DockerError,
    build,
    docker,
    inspect,
    issue,
    logs,
    service,
    wait,
)
from tests.images import genuine
from tests.live import data_uri

MODELS = "/opt/facegate/app/service/models"
_serial = count()


def inside(script: str, *options: str, image: str = SERVICE) -> str:
    return docker("run", "--rm", *HARDENED, *options, "--entrypoint", "bash", image, "-c", script)


def liveness(base: str, hash_id: str) -> requests.Response:
    image = data_uri(genuine() + next(_serial).to_bytes(8, "big"))
    body = {"hash_id": hash_id, "selfie_image": image}
    return requests.post(f"{base}/liveness", json=body, timeout=180)


def test_liveness_answers_in_a_locked_down_container(running: tuple[str, str]) -> None:
    name, base = running
    answer = liveness(base, issue(name))
    assert answer.status_code == 200
    assert answer.json()["status"] == "Success"


def test_it_runs_as_nobody_with_a_read_only_root(running: tuple[str, str]) -> None:
    workers = docker("top", running[0], "-eo", "pid,uid,comm").splitlines()[1:]
    assert {line.split()[1] for line in workers} == {"10001"}
    assert inspect(running[0])["Config"]["User"] == "10001:10001"
    with pytest.raises(DockerError, match="Read-only file system"):
        docker("exec", running[0], "bash", "-c", "echo > /opt/facegate/app/new")


def test_the_health_check_asks_our_own_readiness(running: tuple[str, str]) -> None:
    wait(lambda: inspect(running[0])["State"]["Health"]["Status"] == "healthy")
    docker("exec", running[0], "/opt/facegate/healthcheck")
    with pytest.raises(DockerError):
        docker("exec", "-e", "FACEGATE_PORT=5009", running[0], "/opt/facegate/healthcheck")


def test_it_is_live_soon_and_sigterm_answers_what_was_accepted(service_image: str) -> None:
    """The contract states 5 s on a quiet machine; a busy test machine gets twelve times that."""
    started = time.monotonic()
    with service() as (name, base):
        assert time.monotonic() - started < 60
        hash_id, statuses = issue(name), []
        ask = lambda: statuses.append(liveness(base, hash_id).status_code)  # noqa: E731
        clients = [threading.Thread(target=ask) for _ in range(6)]
        for client in clients:
            client.start()
        time.sleep(0.3)
        docker("stop", "-t", "40", name)
        for client in clients:
            client.join(60)
        assert statuses == [200] * 6
        assert inspect(name)["State"]["ExitCode"] == 0
        assert "Shutting down: Master" in logs(name)


def test_the_image_is_small_apart_from_its_models(service_image: str) -> None:
    models = int(inside(f"du -sb {MODELS}").split()[0])
    assert inspect(SERVICE)["Size"] - models < 550e6  # PyAV with its FFmpeg is 105 MB of it


def test_labels_tell_version_revision_and_licence(service_image: str) -> None:
    labels = inspect(SERVICE)["Config"]["Labels"]
    assert labels["org.opencontainers.image.version"] == "1.0.0"
    assert labels["org.opencontainers.image.revision"] == "abc"
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"


def test_neither_compiler_nor_pip_nor_package_tools(service_image: str) -> None:
    tools = "pip pip3 gcc cc ld apt-get dpkg perl curl wget"
    assert inside(f"for tool in {tools}; do command -v $tool; done; true") == ""
    with pytest.raises(DockerError, match="No module named"):
        inside("python -c 'import pip'")
    assert inside("find / -xdev -path '*/pip/__init__.py' 2>/dev/null; true") == ""


def test_no_setuid_file_and_no_world_writable_path(service_image: str) -> None:
    plain = ("--user", "0", "--cap-add", "DAC_READ_SEARCH")
    assert inside("find / -xdev -perm /6000", *plain) == ""
    writable = inside("find / -xdev -perm -0002 ! -type l ! -path '/dev*'", *plain)
    assert writable == "/tmp"
    assert inside("stat -c %a /tmp; touch /tmp/scratch") == "1777"


def test_only_the_data_folder_belongs_to_the_service(service_image: str) -> None:
    # Without the tmpfs, to see what the image itself has there.
    script = "find / -xdev -user 10001 ! -path '/proc*' ! -path '/dev*'"
    found = docker("run", "--rm", "--user", "0", "--entrypoint", "bash", SERVICE, "-c", script)
    assert set(found.split()) == {"/data"}


def test_every_aws_service_that_the_code_uses_is_described(service_image: str) -> None:
    sources = "\n".join(path.read_text() for path in (ROOT / "service").rglob("*.py"))
    names = {"s3", "sqs"} | set(re.findall(r'\.(?:client|resource)\(\s*"([a-z0-9-]+)"', sources))
    script = "import boto3,sys; [boto3.client(n, region_name='eu-west-1') for n in sys.argv[1:]]"
    inside(f'python -c "{script}" {" ".join(sorted(names))}')


def test_bill_of_materials_names_what_is_installed(service_image: str) -> None:
    bill: dict[str, Any] = json.loads(inside("cat /opt/facegate/about/sbom.cdx.json"))
    assert bill["bomFormat"] == "CycloneDX"
    assert bill["metadata"]["component"]["version"] == "1.0.0"
    found = {one["name"]: one["version"] for one in bill["components"]}
    locked = re.findall(r"^([a-z0-9-]+)==([^ ]+)", (ROOT / "requirements.lock").read_text(), re.M)
    assert {n: found.get(n) for n, _ in locked if n != "setuptools"} == {
        n: v for n, v in locked if n != "setuptools"
    }
    assert {"libc6", "bash", "htmx.org"} <= found.keys()


def test_the_licence_list_states_one_for_every_package(service_image: str) -> None:
    lines = inside("cat /opt/facegate/about/licences.txt").splitlines()
    assert len(lines) > 100
    assert [line for line in lines if line.endswith((": not stated", ": "))] == []


def test_the_same_inputs_give_the_same_layers(service_image: str) -> None:
    layers = inspect(SERVICE)["RootFS"]["Layers"]
    again = "facegate-test:again"
    build(again, "--no-cache", "--build-arg", "VERSION=1.0.0", "--build-arg", "REVISION=abc")
    try:
        assert inspect(again)["RootFS"]["Layers"][1:] == layers[1:]
    finally:
        docker("rmi", again)


def test_no_secret_in_the_image_s_history_or_settings(service_image: str) -> None:
    told = docker("history", "--no-trunc", "--format", "{{.CreatedBy}}", SERVICE)
    told += json.dumps(inspect(SERVICE)["Config"])
    assert not re.search(r"passw|secret_|token=|BEGIN [A-Z ]*PRIVATE", told, re.I)
    keys = "grep -rlE 'BEGIN ([A-Z]+ )?PRIVATE KEY-----.{20}' /opt/facegate/app /etc || true"
    assert inside(keys) == ""
