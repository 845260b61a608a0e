"""What happens to requests while something breaks."""

from __future__ import annotations

import re
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import requests

from service.api.http.health import FRESH
from tests.faults.load import Load, fresh_selfie, kept_ids
from tests.live import COMMAND, Live, data_uri
from tests.servers import MongoServer
from tests.waiting import eventually

# A busy test machine may take longer than a server room; how long is not tested here.
PATIENT: dict[str, object] = {"store": "mongo", "store_timeout": 2.0}


def workers(live: Live) -> list[psutil.Process]:
    return psutil.Process(live.process.pid).children()


def test_a_killed_worker_is_replaced_and_loses_no_acknowledged_result(tmp_path: Path) -> None:
    with Live(tmp_path, probability=0.2, workers=2) as live:
        with Load(live, clients=4) as load:
            assert eventually(lambda: len(load.answers) >= 20)
            victim = workers(live)[0]
            victim.send_signal(signal.SIGKILL)
            seen = len(load.answers)
            assert eventually(lambda: len(load.answers) >= seen + 40)
        assert load.statuses <= {200, 503}
        assert len(load.broken) <= 4, load.broken  # only what the dead worker had in hand
        assert eventually(lambda: len(workers(live)) == 2)
        assert load.ids <= kept_ids(live)


def states(live: Live, seconds: float) -> set[int]:
    """What new connections hear from /readyz, each accepted by whichever worker comes first."""
    end, seen = time.monotonic() + seconds, set()
    while time.monotonic() < end:
        seen.add(requests.get(f"{live.base}/readyz", timeout=30).status_code)
        time.sleep(0.02)
    return seen


def test_once_ready_no_worker_says_that_it_is_not(tmp_path: Path) -> None:
    live = Live(tmp_path, probability=0.2, workers=4)
    live.start()
    try:
        live.wait_until("ready")
        assert states(live, 3) == {200}
    finally:
        live.stop()


def test_a_worker_that_takes_a_dead_ones_place_joins_when_it_is_loaded(tmp_path: Path) -> None:
    with Live(tmp_path, probability=0.2, workers=2) as live:
        victim = workers(live)[0]
        victim.send_signal(signal.SIGKILL)
        victim.wait(10)
        assert states(live, 3) == {200}
        assert eventually(lambda: len(workers(live)) == 2)


def metrics_folder(live: Live) -> Path:
    return Path(psutil.Process(live.process.pid).environ()["PROMETHEUS_MULTIPROC_DIR"])


def test_metrics_that_a_starting_worker_has_not_yet_filled_fail_no_request(tmp_path: Path) -> None:
    with Live(tmp_path, probability=0.2, command=COMMAND) as live:
        live.wait_until("ready")
        for name in ("counter", "gauge_livesum"):
            (metrics_folder(live) / f"{name}_999999.db").touch(exist_ok=False)
        assert requests.get(f"{live.base}/readyz", timeout=30).status_code == 200
        answer = requests.get(f"{live.base}/metrics", timeout=30)
        assert (answer.status_code, "facegate_requests_total" in answer.text) == (200, True)


def test_sigterm_answers_everything_that_was_sent(tmp_path: Path) -> None:
    with Live(tmp_path, probability=0.2, workers=2) as live:
        statuses: list[int] = []
        body = {"hash_id": live.hash_id, "image": data_uri(fresh_selfie()), "explain": True}

        def ask() -> None:
            statuses.append(
                requests.post(f"{live.base}/v1/analyze", json=body, timeout=30).status_code
            )

        clients = [threading.Thread(target=ask) for _ in range(8)]
        for client in clients:
            client.start()
        time.sleep(0.05)
        assert live.stop() == 0
        for client in clients:
            client.join(30)
        assert statuses == [200] * 8


def test_a_mongodb_that_stops_and_returns_fails_no_request(tmp_path: Path) -> None:
    with MongoServer(tmp_path / "mongo") as server:
        options = PATIENT | {"mongodb_uri": server.uri, "store_retry": 0.5}
        with Live(tmp_path / "live", probability=0.2, workers=2, **options) as live:
            with Load(live, pause=0.05) as load:
                assert eventually(lambda: len(load.answers) >= 10)
                server.kill()
                live.wait_until("degraded")
                seen = len(load.answers)
                assert eventually(lambda: len(load.answers) >= seen + 10)
                server.start()
                live.wait_until("ready")
            assert load.broken == []
            assert load.statuses == {200}
            assert all(body["stored"] for _, body in load.answers)
            assert eventually(lambda: load.ids <= kept_ids(live))


def without_store(live: Live) -> int:
    """How many workers say so in /metrics, which one worker answers for all."""
    found = re.search(r"^facegate_workers_without_store (\S+)", live.get("/metrics").text, re.M)
    return int(float(found[1])) if found else 0


def test_ready_is_said_only_when_every_worker_has_the_store_back(tmp_path: Path) -> None:
    with MongoServer(tmp_path / "mongo") as server:
        options = PATIENT | {"mongodb_uri": server.uri, "store_retry": 0.2}
        with Live(tmp_path / "live", probability=0.2, workers=2, **options) as live:
            server.stop()  # in order: what a kill leaves is not the question here
            assert eventually(lambda: without_store(live) == 2)
            late = next(
                one for one in workers(live) if one.pid != live.get("/healthz").json()["pid"]
            )
            late.suspend()
            server.start()
            assert eventually(lambda: without_store(live) == 1)
            time.sleep(FRESH + 1)
            assert live.get("/readyz").json()["state"] == "degraded"
            late.resume()
            live.wait_until("ready")


def test_overload_is_turned_away_at_once_and_probes_still_answer(tmp_path: Path) -> None:
    options = {"slots": 1, "queue_depth": 0}
    with Live(tmp_path, probability=0.2, **options) as live, Load(live, clients=6) as load:
        assert eventually(lambda: 503 in load.statuses)
        assert live.get("/healthz").status_code == 200
        assert "facegate_queue_depth" in live.get("/metrics").text
        load.stop()
        refused = [body for status, body in load.answers if status == 503]
        assert {body["code"] for body in refused} == {"OVERLOADED"}
        assert load.statuses == {200, 503}


def test_overload_says_when_to_come_back(tmp_path: Path) -> None:
    with Live(tmp_path, probability=0.2, slots=1, queue_depth=0) as live:
        with Load(live, clients=6):
            answers = [live.analyze(fresh_selfie()) for _ in range(20)]
        refused = [answer for answer in answers if answer.status_code == 503]
        assert refused
        assert all(int(answer.headers["Retry-After"]) >= 1 for answer in refused)


def test_a_licence_that_expires_in_mid_run(tmp_path: Path) -> None:
    with Live(tmp_path, probability=0.2, licence_cache=60) as live:
        hash_id = live.issue(expires_at=int(time.time()) + 3)
        assert live.analyze(fresh_selfie(), hash_id=hash_id).status_code == 200
        expired = lambda: live.analyze(fresh_selfie(), hash_id=hash_id).status_code == 403  # noqa: E731
        assert eventually(expired)
        assert live.analyze(fresh_selfie(), hash_id=hash_id).json()["code"] == "LICENCE_EXPIRED"


def test_a_full_disk_still_judges_and_says_that_nothing_was_stored(tmp_path: Path) -> None:
    with Live(tmp_path, probability=0.2) as live:
        assert live.analyze(fresh_selfie()).json()["stored"] is True
        for worker in workers(live):
            # From here on no file of the worker may grow: what a full disk looks like to it.
            resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, (1, 1))
        answers = [live.analyze(fresh_selfie()) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200] * 3
        assert [answer.json()["stored"] for answer in answers] == [False] * 3


def test_a_preloading_gunicorn_answers_and_stops_at_once(tmp_path: Path) -> None:
    command = [
        *(sys.executable, "-m", "gunicorn", "--preload", "--no-control-socket"),
        *("-k", "gthread", "--threads", "4", "-w", "1", "--graceful-timeout", "20"),
        *("-b", "127.0.0.1:{port}", "service.app:create_app()"),
    ]
    live = Live(tmp_path, probability=0.2, command=command)
    live.command = [part.format(port=live.settings.port) for part in command]
    live.start()
    live.wait_until("ready")
    assert live.analyze(fresh_selfie()).status_code == 200
    started = time.monotonic()
    assert live.stop() == 0
    assert time.monotonic() - started < 10


def test_what_is_imported_before_the_fork_survives_it() -> None:
    """No threads, and neither of the libraries that keep pools of them."""
    code = (
        "import sys, threading, service.app;"
        "print(threading.active_count(), *{'onnxruntime', 'cv2'} & sys.modules.keys())"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.split() == ["1"]


def test_nothing_is_written_outside_the_data_folder(tmp_path: Path) -> None:
    before = set(Path.cwd().iterdir())
    with Live(tmp_path / "live", probability=0.2) as live:
        live.analyze(fresh_selfie())
    assert set(Path.cwd().iterdir()) == before
