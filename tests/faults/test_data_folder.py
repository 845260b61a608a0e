"""Whose the data folder is, and what happens when it goes away."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
import time
from pathlib import Path

import requests

from tests.faults.load import fresh_selfie
from tests.live import COMMAND, Live, environment
from tests.servers import MongoServer, free_port
from tests.waiting import eventually


def second(live: Live, **changes: object) -> subprocess.CompletedProcess[str]:
    """Another service on the same data folder."""
    options = live.settings.model_dump(exclude_defaults=True) | {"port": free_port()} | changes
    return subprocess.run(
        COMMAND, env=environment(options), capture_output=True, text=True, timeout=60, check=False
    )


def test_a_second_service_on_the_data_folder_is_refused_in_one_sentence(tmp_path: Path) -> None:
    with Live(tmp_path, probability=0.2) as live:
        before = live.get("/metrics").text
        refused = second(live)
        assert refused.returncode == 3
        assert f"Another Facegate uses the data folder {tmp_path / 'data'}." in refused.stderr
        assert "Traceback" not in refused.stderr
        assert before.count("facegate_requests_total{") <= live.get("/metrics").text.count(
            "facegate_requests_total{"
        )
        assert live.analyze(fresh_selfie()).json()["stored"] is True


def test_an_address_that_is_let_go_in_a_moment_is_waited_for(tmp_path: Path) -> None:
    """The workers of a service that was killed hold it until they notice."""
    live = Live(tmp_path, probability=0.2)
    held = socket.create_server(("127.0.0.1", live.settings.port))
    threading.Timer(2.0, held.close).start()
    with live:
        assert live.get("/readyz").status_code == 200


def test_a_service_that_was_killed_leaves_no_lock(tmp_path: Path) -> None:
    live = Live(tmp_path, probability=0.2)
    with live:
        live.process.kill()
        live.process.wait(10)
        live.start()
        live.wait()
        assert live.analyze(fresh_selfie()).status_code == 200


def test_workers_whose_master_was_killed_free_the_address_and_finish_what_they_have(
    tmp_path: Path,
) -> None:
    with Live(tmp_path, probability=0.2) as live:
        where = ("127.0.0.1", live.settings.port)
        with socket.create_connection(where, timeout=10) as client:
            client.sendall(b"POST /liveness HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{")
            time.sleep(0.3)  # the worker has it in hand
            live.process.kill()
            assert eventually(lambda: refused(where), 4)
            client.sendall(b"}")
            assert client.recv(20).startswith(b"HTTP/1.1 4")


def refused(where: tuple[str, int]) -> bool:
    try:
        socket.create_connection(where, timeout=5).close()
    except ConnectionRefusedError:
        return True
    return False


def test_replicas_with_a_mongodb_share_the_folder_of_what_waits_for_it(tmp_path: Path) -> None:
    with MongoServer(tmp_path / "mongo") as server:
        options = {"store": "mongo", "mongodb_uri": server.uri, "store_timeout": 2.0}
        with Live(tmp_path / "one", probability=0.2, **options) as one:
            other = Live(tmp_path / "two", probability=0.2, **options)
            other.environment["FACEGATE_DATA_DIR"] = str(one.settings.data_dir)
            with other:
                assert "facegate_ready_workers 1.0" in one.get("/metrics").text
                assert "facegate_ready_workers 1.0" in other.get("/metrics").text


def test_a_data_folder_that_is_deleted_degrades_and_nothing_more(tmp_path: Path) -> None:
    with Live(tmp_path, probability=0.2, workers=2, watchful=True) as live:
        assert live.analyze(fresh_selfie()).json()["stored"] is True
        shutil.rmtree(tmp_path / "data")
        live.wait_until("degraded", 20)
        answers = [live.analyze(fresh_selfie()) for _ in range(8)]
        assert {answer.status_code for answer in answers} == {200}
        assert {answer.json()["stored"] for answer in answers} == {False}
        for path in ("/readyz", "/healthz", "/metrics", "/status_check"):
            assert {requests.get(live.base + path, timeout=10).status_code} == {200}
        assert not (tmp_path / "data").exists()
        assert "Traceback" not in live.log()


def test_a_worker_that_starts_without_the_data_folder_makes_no_new_one(tmp_path: Path) -> None:
    from tests.faults.test_running import workers

    with Live(tmp_path, probability=0.2, workers=1) as live:
        assert live.analyze(fresh_selfie()).status_code == 200
        shutil.rmtree(tmp_path / "data")
        (worker,) = workers(live)
        worker.kill()
        assert eventually(lambda: [one.pid for one in workers(live)] not in ([], [worker.pid]))
        live.wait_until("degraded", 30)
        # A new database would know nobody: an unknown licence is another matter than no store.
        assert live.analyze(fresh_selfie()).status_code == 503
        assert not (tmp_path / "data").exists()
        assert "Traceback" not in live.log()
