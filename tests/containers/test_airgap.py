"""Without a network: the bundle, the internal network, the network `none`, and a capture."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.containers.docker import (
    CACHE,
    HARDENED,
    ROOT,
    SERVICE,
    DockerError,
    container,
    docker,
    issue,
    run,
    wait,
)
from tests.containers.stack import Stack
from tests.containers.test_image import liveness
from tests.live import licence_file

# A client inside a container: the image's own Python and its own demo selfie.
ASK = """
import base64, json, sys, urllib.request
image = base64.b64encode(sys.stdin.buffer.read()).decode()
body = json.dumps({"hash_id": sys.argv[2], "selfie_image": image}).encode()
request = urllib.request.Request(sys.argv[1], body, {"Content-Type": "application/json"})
print(urllib.request.urlopen(request, timeout=60).read().decode())
"""


def ask_inside(name: str, hash_id: str, host: str = "127.0.0.1") -> dict[str, object]:
    """What /liveness answers to a client in the same container."""
    command = ["/usr/bin/docker", "exec", "-i", name, "python", "-c", ASK]
    selfie = (ROOT / "scripts/demo/genuine.jpg").read_bytes()
    done = subprocess.run(
        [*command, f"http://{host}:5001/liveness", hash_id],
        input=selfie,
        capture_output=True,
        check=True,
    )
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


@contextmanager
def network(name: str, *options: str) -> Iterator[str]:
    docker("network", "create", *options, name)
    try:
        yield name
    finally:
        docker("network", "rm", name, check=False)


@pytest.fixture(scope="module")
def offline(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """(hash_id, folder with vendor.key, vendor.pub and a licence file for it)."""
    folder = tmp_path_factory.mktemp("vendor")
    hash_id, _ = licence_file(folder)
    return hash_id, folder


@pytest.fixture(scope="module")
def bundle(
    service_image: str,
    cache_image: str,
    offline: tuple[str, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The one file, made of the images under names that no other test uses."""
    docker("tag", SERVICE, "airgap-service:1")
    docker("tag", CACHE, "airgap-cache:1")
    file = tmp_path_factory.mktemp("bundle") / "facegate.tar"
    images = ("--image", "airgap-service:1", "--cache-image", "airgap-cache:1")
    key = ("--key", str(offline[1] / "vendor.key"), "--output", str(file))
    run(["deploy/airgap/bundle", *images, *key])
    docker("rmi", "airgap-service:1", "airgap-cache:1")
    return file


@pytest.fixture(scope="module")
def unpacked(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Not to be changed."""
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(bundle) as file:
        file.extractall(folder, filter="data")
    return folder / "facegate-1.0.0"


@pytest.fixture
def copy(unpacked: Path, tmp_path: Path) -> Path:
    """Of links to the same files: one that is changed is written anew first."""
    return Path(shutil.copytree(unpacked, tmp_path / "copy", copy_function=os.link))


def verify(folder: Path, offline: tuple[str, Path], key: str = "vendor.pub") -> str:
    public = ("--public-key", str(offline[1] / key))
    return run([str(folder / "install"), "--verify-only", *public])


def test_the_bundle_holds_everything_an_installation_needs(unpacked: Path) -> None:
    names = {str(path.relative_to(unpacked)) for path in unpacked.rglob("*") if path.is_file()}
    assert {"images.tar.gz", "SHA256SUMS", "SHA256SUMS.sig", "install", "licence-request"} <= names
    assert {"docker-network.sh", "LICENSE", "NOTICE", "docs/running.md"} <= names
    assert {"about/sbom.cdx.json", "about/licences.txt"} <= names


def test_a_sound_bundle_verifies(unpacked: Path, offline: tuple[str, Path]) -> None:
    assert "as the vendor signed it" in verify(unpacked, offline)


@pytest.mark.parametrize("victim", ["images.tar.gz", "docker-network.sh", "SHA256SUMS"])
def test_a_changed_file_is_refused(
    unpacked: Path, copy: Path, offline: tuple[str, Path], victim: str
) -> None:
    (copy / victim).unlink()
    shutil.copy(unpacked / victim, copy / victim)
    with (copy / victim).open("ab") as file:
        file.write(b"\n")
    with pytest.raises(DockerError, match=r"was changed\.\n  Get"):
        verify(copy, offline)


def test_a_file_that_nobody_signed_is_refused(copy: Path, offline: tuple[str, Path]) -> None:
    (copy / "docs/extra.md").write_text("run this")
    with pytest.raises(DockerError, match="a file that was not signed"):
        verify(copy, offline)


def test_another_key_is_refused(unpacked: Path, offline: tuple[str, Path]) -> None:
    subprocess.run(
        f"openssl genpkey -algorithm ed25519 | openssl pkey -pubout > {offline[1]}/other.pub",
        shell=True,
        check=True,
    )
    with pytest.raises(DockerError, match="not signed with this key"):
        verify(unpacked, offline, "other.pub")


def test_a_licence_request_holds_what_the_vendor_asks(unpacked: Path, tmp_path: Path) -> None:
    file = tmp_path / "request.json"
    name = 'Bank "of" Examples'
    run([str(unpacked / "licence-request"), name, "--per-day", "100", "--output", str(file)])
    request = json.loads(file.read_text())
    assert (request["name"], request["per_day"], request["version"]) == (name, 100, "1.0.0")


def test_install_and_answer_on_a_network_without_a_way_out(
    unpacked: Path, offline: tuple[str, Path]
) -> None:
    hash_id, vendor = offline
    stack = Stack("fgair-", "fgair-network")
    with network(stack.network, "--internal"):
        try:
            install = [str(unpacked / "install"), "--public-key", str(vendor / "vendor.pub")]
            more = ("--prefix", stack.prefix, "--network", stack.network)
            licence = ("--licence", str(vendor / "air-gapped.licence"))
            patient = ("--set", "FACEGATE_STORE_TIMEOUT=5")
            told = run([*install, *licence, *more, *patient])
            assert "Service is Live." in told
            assert ask_inside(stack.service, hash_id)["status"] == "Success"
        finally:
            stack.purge()
            docker("rmi", "airgap-service:1", "airgap-cache:1", check=False)


def test_the_service_alone_without_any_network(service_image: str) -> None:
    with container(*HARDENED, "--network", "none") as name:
        wait(lambda: docker("exec", name, "/opt/facegate/healthcheck", check=False) == "", 240)
        wait(lambda: "Service is" not in docker("logs", name, check=False))
        assert ask_inside(name, issue(name))["status"] == "Success"


def test_not_one_packet_leaves_for_the_outside(
    service_image: str, cache_image: str, tmp_path: Path
) -> None:
    """On a network with a way out, from before the start until after an answer."""
    stack, file = Stack("fgcap-", "fgcap-network"), tmp_path / "packets.pcap"
    with network(stack.network):
        found = json.loads(docker("network", "inspect", stack.network))[0]
        bridge, subnet = f"br-{found['Id'][:12]}", found["IPAM"]["Config"][0]["Subnet"]
        # -U: each packet is in the file at once.
        watch = subprocess.Popen(
            ["tcpdump", "-i", bridge, "-n", "-U", "-w", str(file), "ip or ip6"],
            stderr=subprocess.DEVNULL,
        )
        try:
            wait(file.exists)
            stack("up")
            key = issue(stack.service)
            wait(lambda: liveness(stack.base, key).status_code == 200)  # of any worker
            time.sleep(1)  # for what a background thread might still send
        finally:
            watch.terminate()
            watch.wait(30)
            stack.purge()
    assert packets(file, f"src net {subnet} and dst net {subnet}")  # it did watch
    local = "multicast or broadcast or net fe80::/10"
    assert (
        packets(file, f"ip and src net {subnet} and not dst net {subnet} and not ({local})") == []
    )


def packets(file: Path, expression: str) -> list[str]:
    command = ["tcpdump", "-n", "-r", str(file), expression]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
