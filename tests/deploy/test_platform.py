"""deploy/compose.yaml: what it names exists, and it is as careful as our own containers."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import AliasChoices

from service import SILENCED
from service.settings import Settings

ROOT = Path(__file__).parents[2]
FILE = ROOT / "deploy" / "compose.yaml"
TEXT = FILE.read_text()
PLATFORM: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, Any] = PLATFORM["services"]
PAGE = (ROOT / "docs" / "platform.md").read_text()
OURS = {name: one for name, one in SERVICES.items() if "${IMAGE:-" in one["image"]}
each = pytest.mark.parametrize("name", SERVICES)


def variables() -> set[str]:
    """The environment variables that a setting is read from."""
    found: set[str] = set()
    for name, field in Settings.model_fields.items():
        alias = field.validation_alias
        names = alias.choices if isinstance(alias, AliasChoices) else [f"FACEGATE_{name.upper()}"]
        found |= {str(one) for one in names}
    return found


def test_all_that_the_platform_is_made_of_is_there() -> None:
    wanted = {"gateway", "detector-a", "detector-b", "cache", "dashboard", "secrets", "register"}
    assert SERVICES.keys() == wanted
    assert OURS.keys() == wanted - {"cache", "dashboard"}


@pytest.mark.parametrize("name", OURS)
def test_every_environment_name_is_a_setting(name: str) -> None:
    assert SERVICES[name].get("environment", {}).keys() <= variables() | SILENCED.keys()


def test_the_caches_environment_is_what_it_reads() -> None:
    read = (ROOT / "cache" / "settings.sh").read_text()
    for name in SERVICES["cache"]["environment"]:
        assert re.search(rf"\$\{{?{name}\b", read), name


def test_every_secret_that_is_named_is_made() -> None:
    (script,) = SERVICES["secrets"]["command"]
    named = set(re.findall(r": /secrets/(\S+)", TEXT))
    assert named == {"cache/pass", "service/pass"}
    assert all(name in script for name in named)
    assert not re.search(r"PASS: (?!/)", TEXT)  # never a password itself


@each
def test_every_volume_and_network_is_declared(name: str) -> None:
    one = SERVICES[name]
    volumes = {volume.partition(":")[0] for volume in one.get("volumes", [])}
    assert volumes <= PLATFORM["volumes"].keys()
    assert set(one.get("networks", [])) <= PLATFORM["networks"].keys()


@each
def test_every_image_can_be_built_or_is_said_to_come_from_elsewhere(name: str) -> None:
    build = SERVICES[name].get("build")
    if build is None:
        assert name == "dashboard"
    else:
        assert (FILE.parent / build["context"] / build["dockerfile"]).is_file()


@each
def test_every_dependency_is_there(name: str) -> None:
    for other, how in SERVICES[name].get("depends_on", {}).items():
        runs_once = "restart" not in SERVICES[other]
        expected = "service_completed_successfully" if runs_once else "service_healthy"
        assert how["condition"] == expected


@each
def test_every_container_is_locked_down(name: str) -> None:
    one = SERVICES[name]
    assert one["read_only"]
    assert one["cap_drop"] == ["ALL"]
    assert one["security_opt"] == ["no-new-privileges:true"]
    assert ("cap_add" in one) == ("user" in one) == (name == "secrets")


def test_only_the_gateway_and_the_dashboard_are_published_and_on_this_host_alone() -> None:
    published = {name: one["ports"] for name, one in SERVICES.items() if "ports" in one}
    assert published.keys() == {"gateway", "dashboard"}
    assert all(port.startswith("${ADDRESS:-127.0.0.1}:") for (port,) in published.values())
    assert PLATFORM["networks"]["inside"] == {"internal": True}
    for name in ("detector-a", "detector-b", "cache", "register"):
        assert list(SERVICES[name]["networks"]) == ["inside"]


def test_the_gateway_finds_its_cache_and_asks_what_was_registered() -> None:
    host = Settings.model_fields["mongodb_host"].default.partition(":")[0]
    assert SERVICES["cache"]["networks"]["inside"]["aliases"] == [host]
    (script,) = SERVICES["register"]["command"]
    asked = re.search(r":-(.+)\}", SERVICES["gateway"]["environment"]["FACEGATE_DETECTORS"])
    named = re.search(r"for name in (.+);", script)
    assert asked
    assert named
    assert asked[1].split(",") == named[1].split() == ["detector-a", "detector-b"]


def test_whoever_stops_it_waits_for_the_drain() -> None:
    drain = Settings.model_fields["graceful_timeout"].default
    assert all(int(one["stop_grace_period"].rstrip("s")) > drain for one in OURS.values())


def test_every_variable_has_a_default_and_is_documented() -> None:
    used = set(re.findall(r"(?<!\$)\$\{(\w+)", TEXT))
    assert used == set(re.findall(r"(?<!\$)\$\{(\w+):-", TEXT))
    assert all(f"`{name}`" in PAGE for name in used), used


def test_the_commands_of_the_page_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    wanted = {"start", "stop", "health", "logs"}
    assert all(f"make {one}" in PAGE for one in wanted)
    assert wanted <= targets


@pytest.mark.skipif(not shutil.which("docker-compose"), reason="no Docker Compose here")
def test_compose_itself_accepts_it() -> None:
    done = subprocess.run(
        ["docker-compose", "-f", str(FILE), "config", "-q"], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
