"""The command as a whole: help, wrong usage, errors in one sentence."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from service import __version__
from tests.commands.conftest import Run

COMMANDS = (
    *("serve", "detect", "licence", "models", "settings", "doctor", "version"),
    *("licence issue", "licence list", "licence revoke", "licence import", "licence export"),
    *("licence verify", "licence keygen", "models list", "train"),
)
HEAVY = {"onnxruntime", "cv2", "numpy", "flask", "pymongo", "cryptography", "requests", "pydantic"}


def test_help_names_every_command(facegate: Run) -> None:
    ran = facegate("--help")
    assert ran.returncode == 0
    assert all(command in ran.stdout for command in COMMANDS[:7])


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(facegate: Run, command: str) -> None:
    ran = facegate(*command.split(), "--help")
    assert ran.returncode == 0
    assert f"facegate {command}" in ran.stdout


def test_help_is_quick_because_nothing_heavy_is_imported() -> None:
    code = "import sys, service.cli; print(*{m.partition('.')[0] for m in sys.modules})"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not HEAVY & set(ran.stdout.split())


@pytest.mark.parametrize(
    "arguments",
    [("nonsense",), ("detect",), ("doctor", "--nonsense"), ("licence", "revoke"), ("serve", "x")],
    ids=" ".join,
)
def test_wrong_usage_is_3_with_the_usage_on_stderr(
    facegate: Run, arguments: tuple[str, ...]
) -> None:
    ran = facegate(*arguments)
    assert ran.returncode == 3
    assert "Usage: facegate" in ran.stderr
    assert ran.stdout == ""


@pytest.mark.parametrize("group", [(), ("licence",), ("models",)], ids=repr)
def test_a_bare_group_shows_its_help(facegate: Run, group: tuple[str, ...]) -> None:
    ran = facegate(*group)
    assert ran.returncode == 3
    assert "Commands" in ran.stdout
    assert ran.stderr.strip() == ""


def test_an_unusable_setting_is_one_sentence_and_a_remedy(facegate: Run) -> None:
    ran = facegate("settings", port="many")
    assert ran.returncode == 3
    sentence, remedy = ran.stderr.splitlines()
    assert "FACEGATE_PORT is unusable" in sentence
    assert "facegate settings" in remedy


def test_version(facegate: Run) -> None:
    ran = facegate("version")
    assert ran.stdout.startswith(f"facegate {__version__} (Python 3.")
    assert "onnxruntime" in ran.stdout


def test_it_also_runs_as_a_module() -> None:
    command = [sys.executable, "-m", "service.cli", "version"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout[:9]) == (0, "facegate ")


def test_serve_says_in_one_sentence_why_it_does_not_start(facegate: Run) -> None:
    ran = facegate("serve", models_dir="nowhere")
    assert ran.returncode == 3
    assert len(ran.stderr.splitlines()) == 2


def test_development_without_a_store_is_one_sentence(facegate: Run) -> None:
    ran = facegate("serve", "--development", store="null", port=5999)
    assert ran.returncode == 3
    assert "`null` keeps no licences" in ran.stderr


def test_settings_shows_every_setting(facegate: Run) -> None:
    from service.settings import Settings

    listed = json.loads(facegate("settings", "--format", "json").stdout)
    assert len(listed) == len(Settings.model_fields)
    assert all(setting["help"] for setting in listed)


def test_settings_shows_what_is_in_force(facegate: Run) -> None:
    ran = facegate("settings", "--format", "json", port=6001, refuse="IMAGE_TOO_DARK")
    by_name = {setting["name"]: setting for setting in json.loads(ran.stdout)}
    assert (by_name["FACEGATE_PORT"]["value"], by_name["FACEGATE_PORT"]["default"]) == (
        "6001",
        "5001",
    )
    assert by_name["FACEGATE_REFUSE"]["value"] == "IMAGE_TOO_DARK"
    assert by_name["FACEGATE_REFUSE"]["default"] == "FACE_NOT_FOUND,FACE_TOO_SMALL"


@pytest.mark.parametrize("form", ["table", "json"])
def test_settings_hides_secrets(facegate: Run, form: str) -> None:
    secrets = {
        "mongodb_uri": "mongodb://u:hush1@h",
        "mongodb_pass": "hush2",
        "digest_key": "hush3" * 9,
    }
    ran = facegate("settings", "--format", form, **secrets)
    assert ran.returncode == 0
    assert "hush" not in ran.stdout
    assert ran.stdout.count("(hidden)") == 3
