"""`facegate consume` as a process: killed, drained, asked about its queue."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.aws import Aws
from tests.cloud.conftest import surroundings
from tests.cloud.sqs.queues import Letters
from tests.commands.conftest import Run
from tests.forks import SCRIPT
from tests.images import genuine
from tests.receiver import Receiver
from tests.servers import free_port
from tests.sites import Site, page
from tests.store.records import eventually

Process = subprocess.Popen[str]
Start = Callable[..., Process]


@pytest.fixture
def start(aws: Aws, tmp_path: Path, letters: Letters, real_models: Path) -> Iterator[Start]:
    """A consumer that runs on; its messages come again after three seconds without a heartbeat."""
    running: list[Process] = []

    def launch(*arguments: object, **settings: Any) -> Process:
        options = {"allow_private_callbacks": 1} | settings
        more = {"QUEUE_URL": letters.url, "POLL_INTERVAL": "0.1", "MODELS_DIR": str(real_models)}
        command = [SCRIPT, "consume", "--visibility-timeout", "3", *map(str, arguments)]
        process = subprocess.Popen(
            command,
            env=surroundings(tmp_path, aws, **options) | more,
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        return process

    yield launch
    for process in running:
        process.kill()
        process.communicate()


@pytest.fixture
def message(aws: Aws, bucket: str, receiver: Receiver) -> dict[str, str]:
    aws.client("s3").put_object(Bucket=bucket, Key="a.jpg", Body=genuine())
    return {"sqs_to_ml_url": f"s3://{bucket}/a.jpg", "callback_url": receiver.url}


def finish(process: Process) -> dict[str, Any]:
    """SIGTERM, and its statistics."""
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return dict(json.loads(out))


def test_a_killed_consumers_message_is_posted_once_by_the_next(
    aws: Aws, letters: Letters, message: dict[str, str], receiver: Receiver, start: Start
) -> None:
    gap = aws.hold("/a.jpg")
    letters.send(message)
    first = start()
    eventually(gap.reached.is_set, 60)
    first.kill()
    aws.calm()
    second = start()
    eventually(lambda: letters.left() == 0, 60)
    assert finish(second)["processed"] == 1
    assert [post.result["label"] for post in receiver.posts] == ["REAL"]


def test_a_message_in_work_is_nobody_elses_and_is_finished_on_sigterm(
    letters: Letters, aws: Aws, message: dict[str, str], receiver: Receiver, start: Start
) -> None:
    receiver.go.clear()
    letters.send(message)
    process = start("--wait-time", 20)
    eventually(receiver.reached.is_set, 60)

    def renewals() -> int:
        return len([line for line in aws.seen if "ChangeMessageVisibility" in line])

    eventually(lambda: renewals() >= 4, 60)  # four thirds of the time-out
    found = letters.sqs.receive_message(QueueUrl=letters.url)
    process.send_signal(signal.SIGTERM)
    receiver.go.set()
    assert finish(process)["processed"] == 1
    assert "Messages" not in found
    assert (len(receiver.posts), letters.left()) == (1, 0)


def test_statistics_and_metrics(
    letters: Letters, message: dict[str, str], receiver: Receiver, start: Start
) -> None:
    port = free_port()
    for _ in range(3):
        letters.send(message)
    process = start("--stats-interval", "0.02", "--metrics-port", port)
    eventually(lambda: letters.left() == 0 and len(receiver.posts) == 3, 60)
    eventually(lambda: 'facegate_messages_total{outcome="done"} 3.0' in scrape(port))
    assert 'facegate_callbacks_total{outcome="accepted"} 3.0' in scrape(port)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert set(json.loads(out)) == {"processed", "failed", "runtime", "rate"}
    assert '"event": "statistics"' in err


def scrape(port: int) -> str:
    return requests.get(f"http://127.0.0.1:{port}/metrics", timeout=10).text


def test_the_queue_is_looked_at_before_a_start(letters: Letters, facegate: Run) -> None:
    ran = facegate("consume", "--queue-url", letters.url, "--validate-queue")
    facts = json.loads(ran.stdout)
    assert facts["dead_letter_url"].endswith("-dead")
    assert facts["max_receives"] == 5
    absent = facegate("consume", "--queue-url", letters.url + "x")
    assert (absent.returncode, absent.stdout) == (3, "")
    assert "The queue cannot be used" in absent.stderr


def test_a_test_message_and_a_dry_run(letters: Letters, facegate: Run) -> None:
    env = {"QUEUE_URL": letters.url}
    facegate("consume", "--create-test-message", "s3://b-1/a.jpg", env=env)
    letters.send("poison")
    ran = facegate("consume", "--dry-run", "--wait-time", "0", env=env)
    assert ran.returncode == 1
    assert "s3://b-1/a.jpg" in ran.stdout
    assert "BAD_MESSAGE" in ran.stdout
    assert letters.left() == 2


@pytest.mark.parametrize("options", [(), ("--log-level", "loud"), ("--max-messages", "0")])
def test_wrong_usage_is_refused(letters: Letters, facegate: Run, options: tuple[str, ...]) -> None:
    queue = ("--queue-url", letters.url) if options else ()
    assert facegate("consume", *queue, *options).returncode == 3


def test_ten_web_addresses_at_once_are_all_fetched(
    letters: Letters, receiver: Receiver, start: Start
) -> None:
    """More than the service would fetch at once for HTTP."""
    selfie = page(genuine())

    def slow(handler: BaseHTTPRequestHandler) -> None:
        time.sleep(0.5)
        selfie(handler)

    with Site({"/a.jpg": slow}) as site:
        for _ in range(10):
            letters.send({"sqs_to_ml_url": site.url("/a.jpg"), "callback_url": receiver.url})
        process = start("--run-once", fetch_allow="127.0.0.1")
        out, err = process.communicate(timeout=60)
    assert json.loads(out)["failed"] == 0, err
    assert len(receiver.posts) == 10
