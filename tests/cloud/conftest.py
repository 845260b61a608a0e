"""One AWS server for all tests here; each test has buckets and queues of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from service.cloud.aws.session import Cloud
from service.cloud.predictor import Predictor
from service.judging.loader import Loader
from service.settings import Settings
from tests.aws import REGION, Aws
from tests.cloud.sqs.queues import Letters, close_stores, make_queue
from tests.commands.conftest import Ran, Run
from tests.forks import fork_server
from tests.live import environment, steady_models
from tests.receiver import Receiver

NUMBERS = count()
AWS_NAMES = ("AWS_", "QUEUE_URL", "MODELS_DIR", "LOG_LEVEL", "POLL_INTERVAL", "MAX_MESSAGES")


@pytest.fixture(scope="session")
def server() -> Iterator[Aws]:
    with Aws() as aws:
        yield aws


@pytest.fixture
def aws(server: Aws) -> Iterator[Aws]:
    yield server
    server.calm()


@pytest.fixture
def bucket(aws: Aws) -> str:
    """The name of a new, empty bucket."""
    name = f"selfies-{next(NUMBERS)}"
    aws.bucket(name)
    return name


@pytest.fixture(scope="session")
def fake_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every face is a deepfake with a score of 0.977."""
    return steady_models(tmp_path_factory.mktemp("fake"), 0.977)


@pytest.fixture(scope="session")
def real_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every face is bona fide with a score of 0.233."""
    return steady_models(tmp_path_factory.mktemp("real"), 0.233)


def surroundings(folder: Path, aws: Aws, **settings: Any) -> dict[str, str]:
    """The environment of a command that reaches the server."""
    options = {"data_dir": folder / "data", "store": "sqlite"} | settings
    clean = {k: v for k, v in environment(options).items() if not k.startswith(AWS_NAMES)}
    return clean | aws.environment | {"COLUMNS": "200", "HOME": str(folder)}


@pytest.fixture
def facegate(tmp_path: Path, aws: Aws, real_models: Path) -> Run:
    """`facegate("detect", "s3://...", env={...}, models_dir=...)` until it ends."""

    def run(*arguments: object, stdin: str = "", env: Any = None, **settings: Any) -> Ran:
        options = {"models_dir": real_models} | settings
        around = surroundings(tmp_path, aws, **options) | (env or {})
        around = {name: value for name, value in around.items() if value is not None}
        done = fork_server().run(arguments, around, tmp_path, stdin.encode())
        out, err = done.stdout.decode(), done.stderr.decode()
        assert "Traceback" not in out + err, err
        return subprocess.CompletedProcess(done.args, done.returncode, out, err)

    return run


@pytest.fixture(scope="session")
def cloud(server: Aws) -> Iterator[Cloud]:
    """An identity in this process; its clients keep the server's address."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (server.environment | {"AWS_MAX_ATTEMPTS": "2"}).items():
            patch.setenv(name, value)
        made = Cloud()
        for service in ("s3", "sqs", "dynamodb", "sts"):
            made.client(service)
            made.client(service, REGION)
        yield made


@pytest.fixture(scope="session")
def predictor(cloud: Cloud, fake_models: Path) -> Predictor:
    """Every face is a deepfake with a score of 0.977."""
    return Predictor.load(Settings(models_dir=fake_models, store="null"), cloud)


@pytest.fixture(scope="session")
def loader(fake_models: Path) -> Loader:
    """The same models, loaded."""
    return Loader.load(Settings(models_dir=fake_models, store="null"))


@pytest.fixture
def letters(aws: Aws) -> Letters:
    """A new queue with a dead-letter queue."""
    return make_queue(aws, f"queue-{next(NUMBERS)}")


@pytest.fixture(autouse=True)
def no_store_stays_open() -> Iterator[None]:
    yield
    close_stores()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as here:
        yield here
