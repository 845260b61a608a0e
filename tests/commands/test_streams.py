"""Full disks, closed streams, readers that go away: a crash has no finding's exit code."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer

from service.cli import app
from tests.albums import fill
from tests.forks import CLOSED, GONE, SCRIPT, fork_server
from tests.images import genuine
from tests.live import environment
from tests.servers import free_port

pytestmark = pytest.mark.slow  # each takes little, all of them much

# Every command, with arguments by which it gets as far as it can in a second or two.
COMMANDS = {
    "serve": "--development",
    "detect": "sel\u00e4fie.jpg - --format csv",
    "settings": "",
    "doctor": "",
    "version": "",
    "predict": "sel\u00e4fie.jpg",
    "consume": "--queue-url {aws}/123456789012/q --run-once",
    "recheck": "--bucket b\u00e4",
    "backfill": "s3://selfies/ --output out",
    "aws setup": "",
    "aws check": "--bucket selfies",
    "evaluate": "album",
    "calibrate": "album/real",
    "train": "album --dry-run",
    "licence issue": "B\u00e4nk",
    "licence list": "",
    "licence revoke": "-",
    "licence import": "bank.licence",
    "licence export": "B\u00e4nk --private-key vendor.key --output {new}",
    "licence verify": "bank.licence",
    "licence keygen": "{new}",
    "licence reset-clock": "",
    "audit verify": "",
    "audit export": "",
    "audit head": "",
    "users add": "ana",
    "users list": "",
    "users role": "ana --role viewer",
    "users password": "ana",
    "users remove": "ana",
    "signing-keys show": "",
    "signing-keys rotate": "",
    "verify-answer": "nowhere",
    "backup": "{new}.db",
    "forget": "--sha256 " + "0" * 64,
    "models list": "",
    "models new": "mine{number} onnx",
    "models add": "mine --from nowhere",
    "models remove": "mine",
    "ensemble fit": "album",
    "ensemble rollback": "",
}
# These print before they end; the others may find their own reason first, or print nothing.
PRINT = {
    *("detect", "settings", "doctor", "version", "predict", "aws setup", "aws check", "evaluate"),
    *("licence issue", "licence list", "licence export", "licence keygen", "models list"),
}
CHECKS = {"doctor", "aws check"}  # their 1 is a finding: a check failed
AWS = {
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "AWS_REGION": "eu-central-1",
    "AWS_ACCESS_KEY_ID": "AKIATESTTESTTESTTEST",
    "AWS_SECRET_ACCESS_KEY": "not-a-secret-of-anyone",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_MAX_ATTEMPTS": "1",
}
FULL, SHUT, PASSED_BY = "exec >/dev/full; ", "exec <&- >&- 2>&-; ", " | true; exit ${PIPESTATUS[0]}"
ASCII = {"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONCOERCECLOCALE": "0"}
Ended = subprocess.CompletedProcess[bytes]


def every_command() -> dict[str, Any]:
    """Leaves of the tree of commands, by what is typed."""
    found: dict[str, Any] = {}
    left: list[tuple[str, Any]] = [("", typer.main.get_command(app))]
    while left:
        name, command = left.pop()
        below = getattr(command, "commands", None)
        left += [(f"{name} {key}".strip(), one) for key, one in (below or {}).items()]
        if below is None:
            found[name] = command
    return found


@pytest.fixture(scope="module")
def folder(models: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images, a licence in the store, a signed one: what the commands work on."""
    folder = tmp_path_factory.mktemp("streams")
    (folder / "sel\u00e4fie.jpg").write_bytes(genuine())
    fill(folder / "album" / "real", 4, 0.2, 0.4)
    fill(folder / "album" / "fake" / "pale", 4, 0.8, 1.0)
    shell(folder, models, "licence issue B\u00e4nk")
    shell(folder, models, "licence keygen vendor")
    shell(folder, models, "licence export B\u00e4nk --private-key vendor.key --output bank.licence")
    return folder


def shell(
    folder: Path, models: dict[str, Path], line: str, before: str = "", after: str = "", **env: str
) -> Ended:
    """`facegate LINE` by way of a shell that prepares its streams; names are UTF-8."""
    return subprocess.run(
        ["bash", "-c", f"{before}{SCRIPT} {line}{after}"],
        env=surroundings(folder, models, env),
        cwd=folder,
        input=b"",
        capture_output=True,
        timeout=60,
        check=False,
    )


def surroundings(folder: Path, models: dict[str, Path], env: dict[str, str]) -> dict[str, str]:
    settings = {"store": "sqlite", "data_dir": folder / "data", "port": free_port(), "workers": 1}
    more = {"models_dir": models["bona_fide"], "vendor_public_key": folder / "vendor.pub"}
    around = environment(settings | more) | AWS | {"COLUMNS": "200", "PYTHONUTF8": "1"} | env
    return {name: value for name, value in around.items() if value}


@pytest.fixture
def run(folder: Path, models: dict[str, Path], tmp_path: Path) -> Callable[..., Ended]:
    def run(
        command: str,
        before: str = "",
        after: str = "",
        stdout: str | None = None,
        cwd: str | None = None,
        **env: str,
    ) -> Ended:
        """Of a fork, which takes no seconds to import everything; by a shell where one is asked."""
        given = {"aws": AWS["AWS_ENDPOINT_URL"], "new": tmp_path / "new", "number": free_port()}
        line = f"{command} {COMMANDS[command].format(**given)}"
        if before or after:
            ran = shell(folder, models, line, before, after, **env)
        else:
            around, where = surroundings(folder, models, env), Path(cwd or folder)
            ran = fork_server().run(line.split(), around, where, stdout=stdout)
        text = (ran.stdout + ran.stderr).decode(errors="replace")
        assert "Traceback" not in text, text
        assert len(ran.stderr.splitlines()) < 12, text
        return ran

    return run


def test_every_command_is_tried() -> None:
    assert set(COMMANDS) == set(every_command())


# `serve` is tried below: it goes on where it can.
SHORT = sorted(set(COMMANDS) - {"serve"})


@pytest.mark.parametrize("command", SHORT)
def test_a_full_disk(run: Callable[..., Ended], command: str) -> None:
    ran = run(command, stdout="/dev/full")
    assert ran.returncode == 3 if command in PRINT else ran.returncode in {0, 2, 3}
    if command in PRINT:
        assert b"No space left on device" in ran.stderr


@pytest.mark.parametrize("command", SHORT)
def test_closed_streams(run: Callable[..., Ended], command: str) -> None:
    ran = run(command, stdout=CLOSED)
    assert ran.returncode == 3 if command in PRINT else ran.returncode in {0, 2, 3}


@pytest.mark.parametrize("command", sorted(PRINT - CHECKS))
def test_a_reader_that_goes_away(run: Callable[..., Ended], command: str) -> None:
    assert run(command, stdout=GONE).returncode in {0, 2, 3}


@pytest.mark.parametrize("command", ["detect", "licence issue"])
def test_the_same_by_a_shell(run: Callable[..., Ended], command: str) -> None:
    assert run(command, SHUT).returncode == 3
    # A short output may be written before the reader is gone.
    assert run(command, after=PASSED_BY, PYTHONUNBUFFERED="1").returncode in {0, 2, 3}
    in_ascii = run(command, before=" ", HOME="", **ASCII)
    in_ascii.stdout.decode("ascii")
    assert in_ascii.returncode in {0, 2, 3}


@pytest.mark.parametrize("command", sorted(PRINT - CHECKS))
def test_a_terminal_of_ascii_and_no_home(run: Callable[..., Ended], command: str) -> None:
    ran = run(command, HOME="", **ASCII)
    assert ran.returncode in {0, 2, 3}
    ran.stdout.decode("ascii")


@pytest.mark.parametrize("command", sorted(set(SHORT) - CHECKS))
def test_folders_that_cannot_be_written_to(run: Callable[..., Ended], command: str) -> None:
    ran = run(command, cwd="/proc", FACEGATE_DATA_DIR="/proc/data", HOME="/proc/home")
    assert ran.returncode in {0, 2, 3}


def test_a_full_disk_where_the_service_prints_how_to_try_it(run: Callable[..., Ended]) -> None:
    ran = run("serve", FULL)
    assert ran.returncode == 3
    assert b"No space left on device" in ran.stderr


@pytest.mark.parametrize("command", ["detect", "evaluate", "predict"])
def test_an_output_file_on_a_full_disk(
    run: Callable[..., Ended], command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    without = COMMANDS[command].partition("--output")[0].replace("- --format csv", "")
    monkeypatch.setitem(COMMANDS, command, f"{without} --output /dev/full")
    ran = run(command)
    assert ran.returncode == 3
    assert b"No space left on device" in ran.stderr


def test_an_error_that_was_not_foreseen(tmp_path: Path) -> None:
    code = "import service.cli as c; c.app = lambda **_: 1 / 0; c.main()"
    for level, shown in (("info", False), ("debug", True), ("DEBUG\r", True)):
        around = os.environ | {"FACEGATE_LOG_LEVEL": level}
        ran = subprocess.run(
            [SCRIPT.with_name("python"), "-c", code], env=around, capture_output=True, check=False
        )
        assert ran.returncode == 3
        assert b"ZeroDivisionError" in ran.stderr
        assert (b"Traceback" in ran.stderr) == shown
