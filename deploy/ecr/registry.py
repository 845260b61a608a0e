"""What push and pull share: a login that leaves no trace, and signed release notes.

A release file is JSON: `{"repository", "digest", "tags", "signature"}`. The Ed25519 signature
covers repository and digest, so that a registry that was broken into cannot slip in another image.
"""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from cryptography.exceptions import InvalidSignature

from service.errors import StartupError
from service.licensing.signed import load_private_key, load_public_key

CONTEXT = "facegate-image-v1"  # a signature made for a licence is worth nothing here
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
DOCKER = os.environ.get("DOCKER", "docker")


@dataclass(frozen=True)
class Release:
    """One pushed image; `signature` is empty when it was not signed."""

    repository: str
    digest: str
    tags: tuple[str, ...]
    signature: str = ""

    def signed_bytes(self) -> bytes:
        return f"{CONTEXT}\n{self.repository}@{self.digest}\n".encode()


def sign(release: Release, private_key: Path) -> Release:
    """The same with a signature. Raises StartupError."""
    signature = load_private_key(private_key).sign(release.signed_bytes())
    fields = asdict(release) | {"signature": base64.b64encode(signature).decode()}
    return Release(**fields)


def check(release: Release, public_key: Path) -> None:
    """Raises StartupError unless the vendor signed it."""
    try:
        signature = base64.b64decode(release.signature, validate=True)
        load_public_key(public_key).verify(signature, release.signed_bytes())
    except (InvalidSignature, ValueError):
        raise StartupError(
            "The release file's signature does not match.", "Ask the vendor for it again."
        ) from None


def write(release: Release, path: Path) -> None:
    path.write_text(json.dumps(asdict(release), indent=2) + "\n")


def read(path: Path) -> Release:
    """Raises StartupError."""
    try:
        release = Release(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):
        release = None
    if release is None or not DIGEST.fullmatch(release.digest):
        raise StartupError(f"{path} is not a release file.", "Name the file that push wrote.")
    return release


def docker(*arguments: str, config: str | None = None, stdin: str | None = None) -> str:
    """What it printed. Raises StartupError; the engine's own last line says why."""
    options = ["--config", config] if config else []
    done = subprocess.run(  # noqa: S603 (no shell; the arguments are the user's own)
        [DOCKER, *options, *arguments], input=stdin, capture_output=True, text=True, check=False
    )
    if done.returncode:
        last = (done.stderr.strip() or "no reason given").splitlines()[-1]
        raise StartupError(f"docker {arguments[0]} failed: {last}.", "Mend that and try again.")
    return done.stdout


@contextmanager
def login(region: str | None, registry: str | None) -> Iterator[tuple[str, str]]:
    """(registry, docker configuration); the credentials live in a folder that goes afterwards.

    Raises StartupError.
    """
    user, password, host = _token(region)
    registry = registry or host
    with tempfile.TemporaryDirectory(prefix="facegate-ecr-") as config:
        # On standard input: a command line can be read by everybody on the host.
        docker(
            *("login", "--username", user, "--password-stdin", registry),
            config=config,
            stdin=password,
        )
        yield registry, config


def _token(region: str | None) -> tuple[str, str, str]:
    try:
        answer = boto3.client("ecr", region_name=region).get_authorization_token()
    except (BotoCoreError, ClientError) as error:
        raise StartupError(
            f"ECR gives no token: {type(error).__name__}.",
            "Check the AWS credentials, the region and the right ecr:GetAuthorizationToken.",
        ) from None
    data = answer["authorizationData"][0]
    user, _, password = base64.b64decode(data["authorizationToken"]).decode().partition(":")
    return user, password, urlsplit(data["proxyEndpoint"]).netloc


def run(main: Callable[[], None]) -> None:
    """Exit with 1 and one sentence when it cannot be done."""
    try:
        main()
    except StartupError as error:
        sys.exit(f"{Path(sys.argv[0]).name}: {error.sentence}\n  {error.remedy}")
