"""`deploy/ecr/push` and `pull`: a real registry, a real AWS API server for the token."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from service.licensing.signed import new_key_pair
from tests.aws import REGION, Aws
from tests.containers.docker import DOCKER, ROOT, docker, wait
from tests.servers import free_port

REPOSITORY = "deepfake_detection"
CONFIG = """version: 0.1
storage: {{filesystem: {{rootdirectory: "{folder}/registry"}}, delete: {{enabled: true}}}}
http: {{addr: "127.0.0.1:{port}"}}
auth: {{htpasswd: {{realm: test, path: "{folder}/htpasswd"}}}}
"""


@dataclass
class Ecr:
    """Both servers, a pair of keys, and a small image of its own."""

    folder: Path
    registry: str
    environment: dict[str, str]

    def __call__(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, f"deploy/ecr/{program}", *arguments, "--registry", self.registry],
            cwd=ROOT,
            env=os.environ | self.environment | {"DOCKER": DOCKER, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )

    def push(self, *more: str) -> subprocess.CompletedProcess[str]:
        key, release = str(self.folder / "vendor.key"), str(self.release)
        tags = ("--tag", "1.0.0", "--tag", "customer-a")
        return self(
            *("push", "ecr-test:1", REPOSITORY, *tags), "--sign", key, "--release", release, *more
        )

    def pull(self, *more: str) -> subprocess.CompletedProcess[str]:
        how = more or ("--public-key", str(self.folder / "vendor.pub"))
        return self("pull", str(self.release), "--name", "ecr-test:pulled", *how)

    @property
    def release(self) -> Path:
        return self.folder / "release.json"

    def edit(self, **changes: object) -> None:
        self.release.write_text(json.dumps(json.loads(self.release.read_text()) | changes))


@pytest.fixture(scope="module")
def ecr(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ecr]:
    folder, port = tmp_path_factory.mktemp("ecr"), free_port()
    with Aws() as aws:
        token = aws.client("ecr").get_authorization_token()["authorizationData"][0]
        user, _, password = base64.b64decode(token["authorizationToken"]).decode().partition(":")
        entry = ["htpasswd", "-Bbn", user, password]
        hashed = subprocess.run(entry, capture_output=True, text=True, check=True).stdout
        (folder / "htpasswd").write_text(hashed)
        (folder / "config.yml").write_text(CONFIG.format(folder=folder, port=port))
        for name, content in zip(("vendor.key", "vendor.pub"), new_key_pair(), strict=True):
            (folder / name).write_bytes(content)
        (folder / "marker").write_text("facegate")
        subprocess.run(
            f"tar -C {folder} -c marker | {DOCKER} import - ecr-test:1", shell=True, check=True
        )
        with (folder / "registry.log").open("w") as log:
            command = ["docker-registry", "serve", str(folder / "config.yml")]
            server = subprocess.Popen(command, stdout=log, stderr=log)
        wait(lambda: answers(port))
        yield Ecr(folder, f"127.0.0.1:{port}", aws.environment | {"AWS_DEFAULT_REGION": REGION})
        server.terminate()
        server.wait(30)
    docker("rmi", "-f", "ecr-test:1", "ecr-test:pulled", check=False)


def answers(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/v2/", timeout=5).status_code == 401
    except requests.ConnectionError:
        return False


def test_what_was_pushed_comes_back_by_digest(ecr: Ecr) -> None:
    pushed = ecr.push()
    assert pushed.returncode == 0, pushed.stderr
    pulled = ecr.pull()
    assert pulled.returncode == 0, pulled.stderr
    assert pulled.stdout == pushed.stdout
    same = docker("inspect", "-f", "{{.Id}}", "ecr-test:1", "ecr-test:pulled").split()
    assert same[0] == same[1]


def test_versions_and_customers_are_tags_of_one_image(ecr: Ecr) -> None:
    assert ecr.push().returncode == 0
    release = json.loads(ecr.release.read_text())
    assert release["tags"] == ["1.0.0", "customer-a"]
    assert release["digest"].startswith("sha256:")


def test_the_login_leaves_no_trace(ecr: Ecr) -> None:
    home = Path(os.environ.get("HOME", "/root")) / ".docker/config.json"
    before = home.read_bytes() if home.exists() else None
    told = ecr.push()
    assert (home.read_bytes() if home.exists() else None) == before
    token = (ecr.folder / "htpasswd").read_text().partition(":")[0]
    assert "auth-token" not in told.stdout + told.stderr, token
    assert not list(Path("/tmp").glob("facegate-ecr-*"))


def test_an_altered_digest_is_refused(ecr: Ecr) -> None:
    ecr.push()
    ecr.edit(digest="sha256:" + "0" * 64)
    refused = ecr.pull()
    assert refused.returncode == 1
    assert "The release file's signature does not match." in refused.stderr


def test_another_vendor_s_signature_is_refused(ecr: Ecr, tmp_path: Path) -> None:
    ecr.push()
    (tmp_path / "other.pub").write_bytes(new_key_pair()[1])
    assert ecr.pull("--public-key", str(tmp_path / "other.pub")).returncode == 1


def test_a_digest_that_the_registry_lacks_is_one_sentence(ecr: Ecr) -> None:
    ecr.push()
    ecr.edit(digest="sha256:" + "0" * 64)
    refused = ecr.pull("--unsigned")
    assert refused.returncode == 1
    assert refused.stderr.startswith("pull: docker pull failed: ")
    assert "Traceback" not in refused.stderr


def test_a_file_that_is_no_release_is_one_sentence(ecr: Ecr, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("[]")
    refused = ecr("pull", str(tmp_path / "x.json"), "--unsigned")
    assert refused.stderr.splitlines()[0].endswith("is not a release file.")


def test_no_token_is_one_sentence(ecr: Ecr) -> None:
    away = Ecr(
        ecr.folder, ecr.registry, ecr.environment | {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
    )
    refused = away.push()
    assert refused.returncode == 1
    assert refused.stderr.startswith("push: ECR gives no token: EndpointConnectionError.")
