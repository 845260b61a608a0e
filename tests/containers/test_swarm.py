"""The Swarm stack: replicas, and a rolling update under load. One node, so one engine is enough."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.containers.docker import (
    CACHE,
    DOCKER,
    ROOT,
    SERVICE,
    DockerError,
    docker,
    facegate,
    inspect,
    issue,
    logs,
    run,
    wait,
)
from tests.servers import free_port

STACK, NETWORK = "fgswarm", "fgswarm_inside"
NEXT, BROKEN = "facegate-test:2", "facegate-test:broken"
# Each request goes to one of the replicas that the engine's name server tells of at that moment:
# a kernel without IPVS has no routing mesh, and this works on every kernel.
CLIENT = """
import base64, json, os, sys, time, urllib.request
image = base64.b64decode(sys.stdin.buffer.read())
good, bad, end = 0, [], time.time() + 120
while time.time() < end and not os.path.exists("/tmp/stop"):
    selfie = base64.b64encode(image + good.to_bytes(8, "big")).decode()
    body = json.dumps({"hash_id": sys.argv[1], "selfie_image": selfie}).encode()
    request = urllib.request.Request("http://tasks.service:5001/liveness", body,
                                     {"Content-Type": "application/json"})
    try:
        urllib.request.urlopen(request, timeout=30).read()
        good += 1
    except OSError as error:
        bad.append(str(error))
    time.sleep(0.05)
print(json.dumps([good, bad]))
"""
SECRETS = ("facegate_mongodb_pass", "facegate_digest_key", "facegate_token_key")


@pytest.fixture(scope="module")
def swarm(service_image: str, cache_image: str) -> Iterator[str]:
    """The name of the service in a stack that runs with two replicas."""
    began = docker("info", "-f", "{{.Swarm.LocalNodeState}}") == "inactive"
    if began:
        docker("swarm", "init", "--advertise-addr", "127.0.0.1")
    docker("secret", "rm", *SECRETS, check=False)  # what a run that was ended left behind
    for secret in SECRETS:
        make = f"openssl rand -hex 24 | tr -d '\\n' | {DOCKER} secret create {secret} -"
        subprocess.run(make, shell=True, check=True, capture_output=True)
    docker("tag", SERVICE, NEXT)
    environment = {"PORT": str(free_port()), "CPUS": "1", "STORE_TIMEOUT": "5"}
    images = {"IMAGE": SERVICE, "CACHE_IMAGE": CACHE}
    deploy = [DOCKER, "stack", "deploy", "--resolve-image", "never"]
    run([*deploy, "-c", "deploy/swarm/stack.yaml", STACK], **environment, **images)
    wait(lambda: len(replicas()) == 2 and all(map(ready, replicas())), 240)
    yield f"{STACK}_service"
    # The network is refused while a task of it still ends.
    wait(lambda: "Failed" not in docker("stack", "rm", STACK, check=False), 120)
    wait(lambda: not docker("ps", "-aq", "-f", f"name={STACK}_"), 240)
    docker("secret", "rm", *SECRETS)
    if began:
        docker("swarm", "leave", "--force")
    docker("volume", "rm", f"{STACK}_cache", f"{STACK}_spool", check=False)
    docker("rmi", NEXT, BROKEN, check=False)


def replicas() -> list[str]:
    """Containers of the service that run."""
    return docker("ps", "-q", "-f", f"name={STACK}_service").split()


def ready(name: str) -> bool:
    with suppress(DockerError):
        body = docker("exec", name, "bash", "-c", READYZ)
        return '"state":"ready"' in body
    return False


READYZ = "exec 3<>/dev/tcp/127.0.0.1/5001; printf 'GET /readyz HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3"


def update(service: str, image: str, check: bool = True) -> str:
    options = ("--no-resolve-image", "--image", image, "--detach=false")
    return docker("service", "update", *options, service, check=check, timeout=300)


@pytest.fixture
def load(swarm: str) -> Iterator[str]:
    """A container whose client asks one request after the other."""
    hash_id = issue(replicas()[0])
    keep = ("--network", NETWORK, "--tmpfs", "/tmp", "--entrypoint", "sleep")
    name = docker("run", "-d", *keep, SERVICE, "600")
    yield f"{name} {hash_id}"
    docker("rm", "-f", "-v", name)


def start(load: str) -> subprocess.Popen[bytes]:
    name, hash_id = load.split()
    command = [DOCKER, "exec", "-i", name, "python", "-c", CLIENT, hash_id]
    client = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert client.stdin
    selfie = ROOT / "scripts/demo/genuine.jpg"
    client.stdin.write(subprocess.run(["base64", selfie], capture_output=True, check=True).stdout)
    client.stdin.close()
    return client


def stop(load: str, client: subprocess.Popen[bytes]) -> tuple[int, list[str]]:
    """(good answers, what went wrong)."""
    docker("exec", load.split(maxsplit=1)[0], "touch", "/tmp/stop")
    assert client.stdout
    good, bad = json.loads(client.stdout.read())
    client.wait(60)
    return good, bad


def test_a_licence_of_one_replica_holds_at_the_other(swarm: str) -> None:
    issue(replicas()[0])
    listed = [facegate(name, "licence", "list", "--format", "json") for name in replicas()]
    assert json.loads(listed[0]) == json.loads(listed[1]) != []


def test_a_rolling_update_fails_no_request(swarm: str, load: str) -> None:
    client, before = start(load), set(replicas())
    time.sleep(2)  # some answers by the old ones alone
    update(swarm, NEXT)
    time.sleep(2)
    good, bad = stop(load, client)
    assert bad == []
    assert good > 10
    assert not before & set(replicas())


def test_an_update_that_does_not_start_is_undone(swarm: str, load: str) -> None:
    broken = f"FROM {SERVICE}\nENV FACEGATE_DETECTORS=nobody\n"
    subprocess.run(
        [DOCKER, "build", "-q", "-t", BROKEN, "-"],
        input=broken.encode(),
        check=True,
        capture_output=True,
    )
    client, before = start(load), set(replicas())
    update(swarm, BROKEN, check=False)
    _, bad = stop(load, client)
    assert bad == []
    assert before == set(replicas())


def test_secrets_stand_in_files_only(swarm: str) -> None:
    name = replicas()[0]
    secret = docker("exec", name, "cat", "/run/secrets/mongodb_pass")
    assert re.fullmatch("[0-9a-f]{48}", secret)
    assert secret not in json.dumps(inspect(name)) + logs(name)
