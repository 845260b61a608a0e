"""Manifests for orchestrators and for systemd: valid, and as careful as our own containers."""

from __future__ import annotations

import re
import shutil
import subprocess
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from service.settings import Settings

DEPLOY = Path(__file__).parents[2] / "deploy"
OBJECTS: list[dict[str, Any]] = list(
    yaml.safe_load_all((DEPLOY / "kubernetes" / "facegate.yaml").read_text())
)
BY_KIND = {one["kind"]: one for one in OBJECTS}
POD = BY_KIND["Deployment"]["spec"]["template"]["spec"]
CONTAINER = POD["containers"][0]
STACK = yaml.safe_load((DEPLOY / "swarm" / "stack.yaml").read_text())


@pytest.mark.parametrize("version", ["1.27", "1.34"])
@pytest.mark.parametrize("manifest", OBJECTS, ids=lambda one: str(one["kind"]))
def test_every_manifest_fits_its_schema(manifest: dict[str, Any], version: str) -> None:
    kubernetes_validate.validate(manifest, version, strict=True)


def test_the_schema_check_can_fail() -> None:
    broken = BY_KIND["Service"] | {"spec": {"ports": "5001"}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, "1.34", strict=True)


def test_everything_that_a_fleet_needs_is_there() -> None:
    wanted = {"Deployment", "Service", "PodDisruptionBudget", "HorizontalPodAutoscaler"}
    assert wanted | {"NetworkPolicy"} == BY_KIND.keys()


def test_every_selector_finds_the_pods() -> None:
    labels = BY_KIND["Deployment"]["spec"]["template"]["metadata"]["labels"].items()
    assert BY_KIND["Service"]["spec"]["selector"].items() <= labels
    for kind in ("Deployment", "PodDisruptionBudget"):
        assert BY_KIND[kind]["spec"]["selector"]["matchLabels"].items() <= labels
    assert BY_KIND["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"].items() <= labels


def test_pods_run_locked_down() -> None:
    assert POD["securityContext"]["runAsNonRoot"]
    assert POD["securityContext"]["runAsUser"] == 10001
    assert CONTAINER["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert not POD["automountServiceAccountToken"]


def test_readiness_gates_traffic_and_a_store_away_restarts_nothing() -> None:
    assert CONTAINER["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert CONTAINER["livenessProbe"]["httpGet"]["path"] == "/healthz"
    update = BY_KIND["Deployment"]["spec"]["strategy"]["rollingUpdate"]
    assert update["maxUnavailable"] == 0


def test_the_autoscaler_looks_at_the_queue() -> None:
    listed = BY_KIND["HorizontalPodAutoscaler"]["spec"]["metrics"]
    assert "facegate_queue_depth" in {
        one.get("pods", {}).get("metric", {}).get("name") for one in listed
    }


def test_secrets_come_from_secrets() -> None:
    values = {one["name"]: one.get("value", "") for one in CONTAINER["env"]}
    assert "valueFrom" in next(o for o in CONTAINER["env"] if o["name"].endswith("_URI"))
    assert not any("://" in value for value in values.values())
    for service in STACK["services"].values():
        assert not {"PASS", "MONGODB_PASS"} & service["environment"].keys()


@pytest.mark.parametrize("name", ["FACEGATE_DIGEST_KEY_FILE", "FACEGATE_TOKEN_KEY_FILE"])
def test_all_replicas_share_the_keys_that_a_caller_depends_on(name: str) -> None:
    given = {one["name"]: one.get("value") for one in CONTAINER["env"]}
    volume = next(one["secret"] for one in POD["volumes"] if one["name"] == "secrets")
    assert given[name] in {f"/secrets/{one['path']}" for one in volume["items"]}
    service = STACK["services"]["service"]
    handed = {f"/run/secrets/{one['target']}": one["source"] for one in service["secrets"]}
    assert handed[service["environment"][name]] in STACK["secrets"]


@pytest.mark.parametrize("manifest", ["kubernetes/facegate.yaml", "swarm/stack.yaml"])
def test_the_first_lines_make_every_secret_and_name_the_keys_of_evidence(manifest: str) -> None:
    head, _, rest = (DEPLOY / manifest).read_text().partition("ersion: ")
    made = re.findall(r"from-literal=([\w-]+)|secret create (\w+)", head)
    used = re.findall(r"\bkey: ([\w-]+)|source: (\w+)", rest)
    assert set(made) == set(used)
    for key in ("AUDIT_KEY", "SIGNING_KEYS", "PROVENANCE_KEY"):
        assert f"FACEGATE_{key}_FILE" in head


def test_the_test_of_the_stack_makes_every_secret() -> None:
    from tests.containers.test_swarm import SECRETS

    assert set(SECRETS) == STACK["secrets"].keys()


def test_whoever_stops_it_waits_for_the_drain() -> None:
    drain = Settings.model_fields["graceful_timeout"].default
    assert POD["terminationGracePeriodSeconds"] > drain + 5  # preStop's seconds count
    assert int(STACK["services"]["service"]["stop_grace_period"].rstrip("s")) > drain
    assert int(unit()["Service"]["TimeoutStopSec"]) > drain


def test_a_stack_updates_with_a_new_one_first_and_undoes_what_fails() -> None:
    update = STACK["services"]["service"]["deploy"]["update_config"]
    assert (update["order"], update["failure_action"]) == ("start-first", "rollback")


def unit() -> ConfigParser:
    parser = ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(DEPLOY / "systemd" / "facegate.service")
    return parser


def test_the_unit_gives_the_service_no_more_than_it_needs() -> None:
    service = unit()["Service"]
    assert service["DynamicUser"] == "yes"
    assert service["ProtectSystem"] == "strict"
    assert service["CapabilityBoundingSet"] == ""
    assert service["RestartPreventExitStatus"] == "3"


def test_the_unit_starts_what_make_install_makes() -> None:
    made = re.search(r"^VENV := (.+)$", (DEPLOY.parent / "Makefile").read_text(), re.MULTILINE)
    assert made
    assert unit()["Service"]["ExecStart"] == f"/opt/facegate/{made[1]}/bin/facegate serve"


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd here")
def test_systemd_itself_accepts_the_unit(tmp_path: Path) -> None:
    text = (DEPLOY / "systemd" / "facegate.service").read_text()
    text = text.replace("/opt/facegate/.venv/bin/facegate", "/bin/true")
    (tmp_path / "facegate.service").write_text(text)
    command = ["systemd-analyze", "verify", "--man=no", str(tmp_path / "facegate.service")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "facegate.service" not in done.stderr
