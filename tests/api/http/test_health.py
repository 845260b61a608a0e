"""Probes and metrics over HTTP."""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from prometheus_client.parser import text_string_to_metric_families

from service import __version__
from service.api.http.health import FRESH, Pulse
from service.errors import StoreUnavailable
from service.licensing.licensing import STATUS_TTL
from service.store.null.store import NullStore
from tests.images import genuine, nasty
from tests.live import Live, data_uri

MODELS = ["steady", "blazeface-full", "blazeface-short", "voice", "silero-vad"]


def counts(live: Live) -> Counter[str]:
    """Every sample of /metrics by its name and labels."""
    families = text_string_to_metric_families(live.get("/metrics").text)
    return Counter(
        {
            ",".join([sample.name, *map("=".join, sorted(sample.labels.items()))]): sample.value
            for family in families
            for sample in family.samples
        }
    )


def test_healthz_tells_about_the_process(live: Live) -> None:
    answer = live.get("/healthz")
    body = answer.json()
    assert (answer.status_code, body["status"], body["version"]) == (200, "ok", __version__)
    assert [model["name"] for model in body["models"]] == MODELS
    assert body["pid"] != live.process.pid
    assert body["uptime_s"] > 0


def test_healthz_tells_when_the_first_licence_ends(live: Live) -> None:
    end = int(time.time()) + 86400
    live.issue(name="ends first", expires_at=end)
    deadline = time.monotonic() + 20  # it may be some seconds old
    while "days_left" not in (licence := live.get("/healthz").json()["licence"]):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert 0.9 < licence["days_left"] <= 1
    assert licence["ends_at"].endswith("+00:00")


def test_health_names_no_customer(live: Live) -> None:
    live.issue(name="Acme Bank", expires_at=int(time.time()) + 86400)
    time.sleep(STATUS_TTL)
    assert "Acme" not in live.get("/healthz").text + live.get("/readyz").text


def test_readyz_when_all_is_well(room: Live) -> None:
    answer = room.get("/readyz")
    body = answer.json()
    assert (answer.status_code, body["state"], body["self_test"]) == (200, "ready", "passed")
    store = {"kind": room.settings.store, "reachable": True, "spool_pending": 0}
    assert body["store"] == store
    assert [model["name"] for model in body["models"]] == MODELS


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/status_check"])
def test_head_works_for_probes(live: Live, path: str) -> None:
    answer = live.session.head(live.base + path, timeout=10)
    assert (answer.status_code, answer.content) == (200, b"")


def test_the_counts_of_two_workers_are_exact(live: Live) -> None:
    before, pids = counts(live), Counter[int]()
    with ThreadPoolExecutor(8) as pool:
        for pid in pool.map(lambda n: _one(live, n), range(40)):
            pids[pid] += 1
    grown = counts(live)
    grown.subtract(before)
    assert len(pids) == 2, "both workers were asked"
    assert grown["facegate_requests_total,route=/healthz,status=200"] == 40
    assert grown["facegate_requests_total,route=/v1/analyze,status=200"] == 40
    assert grown["facegate_requests_total,route=/v1/analyze,status=400"] == 40
    assert grown["facegate_decisions_total,decision=bona_fide"] == 40
    assert grown["facegate_score_count"] == 40
    assert grown["facegate_score_bucket,le=0.25"] == 40
    assert grown["facegate_score_bucket,le=0.2"] == 0
    assert grown["facegate_rejections_total,reason=INVALID_IMAGE"] == 40
    assert grown["facegate_cache_hits_total"] + grown["facegate_cache_misses_total"] == 40
    assert grown["facegate_request_seconds_count,route=/v1/analyze"] == 80


def _one(live: Live, number: int) -> int:
    """One good and one bad image, each on a connection of its own; answers who was asked."""
    import requests

    for image, status in (genuine(), 200), (nasty("text.jpg"), 400):
        body = {"hash_id": live.hash_id, "image": data_uri(image)}
        url = f"{live.base}/v1/analyze"
        assert requests.post(url, json=body, timeout=60).status_code == status
    return int(requests.get(f"{live.base}/healthz", timeout=60).json()["pid"])


def test_stages_are_measured(live: Live) -> None:
    before = counts(live)
    live.analyze(genuine(), explain=True)
    grown = counts(live)
    grown.subtract(before)
    for stage in "decode", "detect", "infer", "explain", "total":
        assert grown[f"facegate_stage_seconds_count,stage={stage}"] == 1


def test_gauges_tell_the_present(live: Live) -> None:
    now = counts(live)
    assert now["facegate_ready_workers"] == 2
    assert now["facegate_store_up"] == 1
    assert now["facegate_workers_without_store"] == 0
    assert now["facegate_queue_depth"] == now["facegate_spool_pending"] == 0


def test_no_key_and_no_path_is_a_label_or_a_log_line(live: Live) -> None:
    live.get(f"/nowhere/{live.hash_id}")
    live.analyze(genuine())
    live.results("/res_of_somebody")
    assert live.hash_id not in live.get("/metrics").text
    assert live.hash_id not in live.log()
    assert "res_of_somebody" not in live.get("/metrics").text


def test_one_line_in_the_log_a_request(live: Live) -> None:
    live.post("/v1/analyze", data=b"", headers={"X-Request-ID": "just-this-one"})
    lines = [line for line in live.log().splitlines() if "just-this-one" in line]
    assert len(lines) == 1
    assert '"status": 415' in lines[0]


def test_every_answer_is_guarded_and_no_server_is_advertised(live: Live) -> None:
    for path in "/healthz", "/nowhere", "/docs", "/status_check", "/v1/results":
        headers = live.get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Cache-Control"] == "no-store"
        assert "default-src 'self'" in headers["Content-Security-Policy"]
        assert re.fullmatch(r"[A-Za-z0-9._-]{1,64}", headers["X-Request-ID"])
        assert not re.search(r"\d", headers.get("Server", ""))


def test_probes_are_answered_while_inference_is_busy(live: Live) -> None:
    stop = threading.Event()

    def burn() -> None:
        while not stop.is_set():
            live_analyze(live)

    with ThreadPoolExecutor(6) as pool:
        for _ in range(6):
            pool.submit(burn)
        try:
            answers = [live.get(path) for path in ("/healthz", "/readyz", "/status_check") * 5]
        finally:
            stop.set()
    assert {answer.status_code for answer in answers} == {200}


def live_analyze(live: Live) -> None:
    import requests

    body = {"hash_id": live.hash_id, "image": data_uri(nasty("huge.jpg")), "explain": True}
    requests.post(f"{live.base}/v1/analyze", json=body, timeout=60)


class Slow(NullStore):
    """A store whose ping takes its time, then fails."""

    def __init__(self) -> None:
        self.pings = 0
        self.go_on = threading.Event()

    def ping(self) -> None:
        self.pings += 1
        self.go_on.wait(10)
        raise StoreUnavailable


def test_only_one_request_waits_for_a_slow_store() -> None:
    store = Slow()
    pulse = Pulse(store)
    first = threading.Thread(target=pulse.reachable)
    first.start()
    assert pulse.reachable() is True  # as last seen; the first still waits
    store.go_on.set()
    first.join()
    assert (pulse.reachable(), store.pings) == (False, 1)


def test_a_pulse_is_taken_again_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    store = Slow()
    store.go_on.set()
    pulse = Pulse(store)
    pulse.reachable()
    later = time.monotonic() + FRESH
    monkeypatch.setattr("service.api.http.health.time.monotonic", lambda: later)
    pulse.reachable()
    assert store.pings == 2
