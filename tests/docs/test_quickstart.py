"""The README's first commands, as they stand: `make run`, the printed curl line, `make demo`."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.servers import free_port

ROOT = Path(__file__).parents[2]
# The tests may run under make themselves; a make below another one says so on its output.
SHELL = {name: value for name, value in os.environ.items() if "MAKE" not in name}


class Quickstart:
    """`make run` in a process group of its own, its output in a file."""

    def __init__(self, folder: Path) -> None:
        self.port, self.log = free_port(), folder / "run.log"
        given = {"FACEGATE_PORT": str(self.port), "FACEGATE_DATA_DIR": str(folder / "data")}
        self.env = SHELL | given
        self.start()

    def start(self) -> None:
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                ["make", "run"],
                cwd=ROOT,
                env=self.env,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.wait()

    def wait(self) -> None:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            try:
                answer = requests.get(f"http://127.0.0.1:{self.port}/status_check", timeout=5)
                if answer.text == "Service is Live.":
                    return
            except requests.ConnectionError:
                pass
            time.sleep(0.1)
        raise RuntimeError(self.log.read_text())

    def stop(self) -> None:
        os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait(30)

    def printed(self, pattern: str) -> str:
        found = re.search(pattern, self.log.read_text(), re.M)
        assert found, self.log.read_text()
        return found[1]

    def run(self, *command: str) -> str:
        return subprocess.run(
            command, cwd=ROOT, env=self.env, capture_output=True, text=True, check=True, timeout=60
        ).stdout


@pytest.fixture(scope="module")
def quickstart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Quickstart]:
    running = Quickstart(tmp_path_factory.mktemp("quickstart"))
    yield running
    running.stop()


def test_the_printed_curl_line_scores_a_real_selfie(quickstart: Quickstart) -> None:
    line = quickstart.printed(r"^(curl .*)$")
    answer = json.loads(quickstart.run(*shlex.split(line)))
    assert answer["decision"] in ("bona_fide", "deepfake")
    assert 0 < answer["probability"] < 1


def test_the_demo_tells_the_two_selfies_apart(quickstart: Quickstart) -> None:
    genuine, manipulated = quickstart.run("make", "demo").strip().splitlines()
    assert genuine.startswith("genuine.jpg: ")
    assert json.loads(genuine.partition(": ")[2])["deepfake_result"]["is_deepfake"] == 0
    assert manipulated.startswith("manipulated.jpg: ")
    assert json.loads(manipulated.partition(": ")[2])["deepfake_result"]["is_deepfake"] == 1


def test_a_second_start_keeps_the_hash_id(quickstart: Quickstart) -> None:
    before = quickstart.printed(r"^hash_id: (\S+)$")
    quickstart.stop()
    quickstart.start()
    assert quickstart.printed(r"^hash_id: (\S+)$") == before


def test_the_demo_without_a_service_says_how_to_start_one(tmp_path: Path) -> None:
    env = SHELL | {"FACEGATE_DATA_DIR": str(tmp_path), "FACEGATE_PORT": str(free_port())}
    run = subprocess.run(
        ["make", "demo"], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )
    assert run.returncode != 0
    assert "start one with `make run`" in run.stdout


def test_the_printed_user_gets_into_the_console(quickstart: Quickstart) -> None:
    url = quickstart.printed(r"^console: (\S+) ")
    name = quickstart.printed(r"user: (\S+) ")
    password = quickstart.printed(r"password: (\S+)$")
    session = requests.Session()
    token = re.search(r'name="csrf" value="([^"]+)"', session.get(f"{url}/login").text)
    assert token is not None
    given = {"csrf": token[1], "username": name, "password": password}
    answer = session.post(f"{url}/login", data=given)
    assert "Log out everywhere" in answer.text
