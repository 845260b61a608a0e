"""DNS rebinding live: real names that change their addresses after they were looked at."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
ALONE = ("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")


def why_not() -> str | None:
    if os.geteuid() != 0:
        return "a network of one's own needs root"
    tried = subprocess.run(
        [*ALONE, "ip", "link", "set", "lo", "up"], capture_output=True, check=False
    )
    return None if tried.returncode == 0 else "no network of one's own can be made here"


REASON = why_not()
pytestmark = [pytest.mark.slow, pytest.mark.skipif(REASON is not None, reason=str(REASON))]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("rebinding")
    command = [*ALONE, sys.executable, "-m", "tests.security.rebinding", str(folder)]
    ran = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    return dict(json.loads(ran.stdout.splitlines()[-1]))


def test_the_address_that_was_checked_is_the_one_that_is_asked(told: dict[str, Any]) -> None:
    """The name server would have led a second look to 127.0.0.1."""
    first, second = told["turns"]
    assert first == [200, None]
    assert second[0] == 400
    assert told["asked"]["turns.test"] == 2  # once for each request


def test_one_private_address_beside_a_public_one_is_enough(told: dict[str, Any]) -> None:
    assert told["mixed"][0] == 400


def test_a_redirect_is_looked_at_like_an_address(told: dict[str, Any]) -> None:
    assert told["leads"][0] == 400
    assert "/leads.jpg" in told["public"]


def test_a_callback_is_looked_at_once_more_when_it_is_made(told: dict[str, Any]) -> None:
    assert told["hook"] == "failed"
    assert told["asked"]["hook.test"] >= 2
    assert "/hook" not in told["public"]


def test_nothing_private_was_asked(told: dict[str, Any]) -> None:
    assert told["private"] == []
