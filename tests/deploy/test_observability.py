"""Dashboard and alerts name metrics and labels that exist; the scrape finds the service."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.metrics import MetricWrapperBase

from service.runtime import metrics

FOLDER = Path(__file__).parents[2] / "deploy" / "observability"
DASHBOARD = json.loads((FOLDER / "grafana-dashboard.json").read_text())
RULES = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"][0]["rules"]
EXPRESSIONS = {
    **{
        f"{panel['title']} {target['refId']}": target["expr"]
        for panel in DASHBOARD["panels"]
        for target in panel["targets"]
    },
    **{rule["alert"]: rule["expr"] for rule in RULES},
}
NAME = re.compile(r"\bfacegate_[a-z_]+")
SUFFIXES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}


def existing() -> dict[str, set[str]]:
    """Every series that the service can show, with its labels."""
    found: dict[str, set[str]] = {}
    for metric in vars(metrics).values():
        if isinstance(metric, MetricWrapperBase):
            for suffix in SUFFIXES[metric._type]:
                found[metric._name + suffix] = set(metric._labelnames)
    return found


def unknown(expression: str, series: dict[str, set[str]]) -> set[str]:
    """Names in an expression that no metric has."""
    return set(NAME.findall(expression)) - series.keys()


@pytest.mark.parametrize("expression", EXPRESSIONS.values(), ids=EXPRESSIONS.keys())
def test_every_metric_that_is_named_exists(expression: str) -> None:
    assert unknown(expression, existing()) == set()


def test_a_metric_that_is_gone_is_noticed() -> None:
    series = existing()
    del series["facegate_ready_workers"]
    found = [unknown(expression, series) for expression in EXPRESSIONS.values()]
    assert {"facegate_ready_workers"} in found


@pytest.mark.parametrize("expression", EXPRESSIONS.values(), ids=EXPRESSIONS.keys())
def test_every_label_that_is_named_exists(expression: str) -> None:
    series = existing()
    allowed = {"le", "instance", "job"}.union(*(series[n] for n in NAME.findall(expression)), set())
    grouped = re.findall(r"\bby \(([^)]*)\)", expression)
    chosen = re.findall(r"[{,]\s*([a-z_]+)\s*(?:=~|!~|!=|=)", expression)
    named = {label.strip() for group in grouped for label in group.split(",")} | set(chosen)
    assert named <= allowed


def test_every_metric_of_the_service_itself_is_shown() -> None:
    shown = set(NAME.findall(" ".join(EXPRESSIONS.values())))
    shown = {re.sub(r"_(bucket|sum|count)$", "", name) for name in shown}
    wanted = {metrics.REQUESTS, metrics.SCORE, metrics.DECISIONS, metrics.STORE_UP, metrics.READY}
    assert {metric._name for metric in wanted} <= {name.removesuffix("_total") for name in shown}


def test_alerts_say_how_bad_and_what_is_wrong() -> None:
    for rule in RULES:
        assert rule["labels"]["severity"] in {"page", "warn"}
        assert rule["annotations"]["summary"].endswith((".", "?"))


def test_panels_do_not_overlap_and_have_their_own_ids() -> None:
    panels: list[dict[str, Any]] = DASHBOARD["panels"]
    places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}
    assert len(places) == len({panel["id"] for panel in panels}) == len(panels)


def test_the_scrape_finds_the_container_of_the_published_commands() -> None:
    scrape = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    job = scrape["scrape_configs"][0]
    assert job["static_configs"][0]["targets"] == ["ml_services_container:5001"]
    assert job["metrics_path"] == "/metrics"
    assert all((FOLDER / name).exists() for name in scrape["rule_files"])
