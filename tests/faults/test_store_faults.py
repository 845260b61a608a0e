"""Faults between service and store, and of the store itself: what is acknowledged is kept."""

from __future__ import annotations

import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.certificates import self_signed
from tests.faults.disks import NEEDS, can_mount, disk, fail, mount_again
from tests.faults.load import Load, fresh_selfie, kept_ids
from tests.faults.proxy import FAULTS, Fault, Proxy
from tests.faults.test_running import workers
from tests.live import COMMAND, Live
from tests.servers import MongoServer
from tests.waiting import eventually


def stored(load: Load) -> set[str]:
    """Results that an answer said were stored."""
    return {body["id"] for status, body in load.answers if status == 200 and body["stored"]}


@pytest.fixture(scope="module")
def far(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Live, Proxy]]:
    """With TLS, as the line to MongoDB should have: nothing else notices every flipped byte."""
    folder = tmp_path_factory.mktemp("far")
    tls = self_signed(folder, "127.0.0.1")
    with MongoServer(folder / "mongo", tls=tls) as server, Proxy(server.port) as proxy:
        uri = server.uri.replace(f":{server.port}/", f":{proxy.port}/")
        options = {"store": "mongo", "mongodb_uri": uri, "store_retry": 0.3, "store_timeout": 2.0}
        with Live(folder / "live", probability=0.2, workers=2, **options) as live:
            yield live, proxy


@pytest.mark.parametrize("fault", FAULTS)
def test_a_bad_line_to_mongodb_loses_no_acknowledged_result(
    far: tuple[Live, Proxy], fault: Fault
) -> None:
    live, proxy = far
    with Load(live, pause=0.05) as load:
        assert eventually(lambda: len(load.answers) >= 5)
        proxy.fault = fault
        seen = len(load.answers)
        assert eventually(lambda: len(load.answers) >= seen + 10, 60)
        proxy.fault = "none"
        live.wait_until("ready")
    assert load.broken == []
    assert load.statuses == {200}
    assert eventually(lambda: stored(load) <= kept_ids(live), 60)


def test_a_worker_frozen_while_it_writes_makes_the_others_say_not_stored(tmp_path: Path) -> None:
    """It keeps the lock for writing for longer than they wait: no answer claims what is not so."""
    with Live(tmp_path, probability=0.2, workers=2) as live, Load(live, clients=10) as load:
        assert eventually(lambda: len(load.answers) >= 10, 60)
        writer = frozen_in_the_middle_of_writing(live)
        told = len(load.answers)
        assert eventually(lambda: any(not body["stored"] for body in since(load, told)), 60)
        writer.resume()
        told = len(load.answers)
        assert eventually(lambda: any(body["stored"] for body in since(load, told)), 60)
        load.stop()
        assert load.statuses <= {200, 503}
        assert stored(load) <= kept_ids(live)


def since(load: Load, told: int) -> list[dict[str, Any]]:
    return [body for status, body in load.answers[told:] if status == 200]


def frozen_in_the_middle_of_writing(live: Live) -> psutil.Process:
    """A worker, stopped at a moment at which nobody else may write."""
    path = live.settings.data_dir / "facegate.db"
    with closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as db:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            for worker in workers(live):
                worker.suspend()
                if locked(db):
                    return worker
                worker.resume()
    raise AssertionError("no worker was met while it wrote")


def locked(db: sqlite3.Connection) -> bool:
    """By a process that stands still, not by one that is about to end its transaction."""
    for _ in range(20):
        try:
            db.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            time.sleep(0.05)
        else:
            db.execute("ROLLBACK")
            return False
    return True


def test_a_locked_database_is_told_and_counted_later(tmp_path: Path) -> None:
    with Live(tmp_path, probability=0.2) as live:
        hash_id = live.issue(per_day=3)
        ask = lambda: live.analyze(fresh_selfie(), hash_id=hash_id)  # noqa: E731
        assert [ask().status_code for _ in range(3)] == [200] * 3
        assert ask().status_code == 429
        other = live.issue(name="other", per_day=5)
        with held(live):
            late = live.analyze(fresh_selfie(), hash_id=other)
            assert (late.status_code, late.json()["stored"]) == (200, False)
        # The use is counted with the next one that can be: six were asked for, five are granted.
        taken = [live.analyze(fresh_selfie(), hash_id=other).status_code for _ in range(6)]
        assert taken == [200] * 4 + [429] * 2 or taken == [200] * 5 + [429]
        assert used(live) >= 3 + 5


def test_a_strict_quota_refuses_what_cannot_be_counted(tmp_path: Path) -> None:
    with Live(tmp_path, probability=0.2, quota="strict") as live:
        limited, free = live.issue(per_day=5), live.issue(name="free")
        assert live.analyze(fresh_selfie(), hash_id=limited).status_code == 200
        assert live.analyze(fresh_selfie(), hash_id=free).status_code == 200
        with held(live):
            refused = live.analyze(fresh_selfie(), hash_id=limited)
            assert (refused.status_code, refused.json()["code"]) == (503, "STORE_UNAVAILABLE")
            assert live.analyze(fresh_selfie(), hash_id=free).status_code == 200


class held:
    """Another process writes, and does not end."""

    def __init__(self, live: Live) -> None:
        self._path = live.settings.data_dir / "facegate.db"

    def __enter__(self) -> None:
        self._db = sqlite3.connect(self._path, isolation_level=None)
        self._db.execute("BEGIN IMMEDIATE")

    def __exit__(self, *_: object) -> None:
        self._db.execute("ROLLBACK")
        self._db.close()


def used(live: Live) -> int:
    with sqlite3.connect(live.settings.data_dir / "facegate.db") as db:
        query = "SELECT sum(used) FROM counters WHERE key NOT LIKE 'clock%'"
        return int(db.execute(query).fetchone()[0])


def whole(path: Path) -> None:
    """Bring the journal into the file: pages that are in the journal are read from there."""
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0


def test_a_database_damaged_while_running_is_noticed_and_judging_goes_on(tmp_path: Path) -> None:
    with Live(tmp_path, probability=0.2, workers=2, watchful=True) as live:
        assert live.analyze(fresh_selfie()).json()["stored"] is True
        path = live.settings.data_dir / "facegate.db"
        whole(path)
        size = path.stat().st_size
        with path.open("r+b") as file:
            for start in range(0, size, 4096):
                file.seek(start)
                file.write(b"\xa5" * min(4096, size - start))
        live.wait_until("degraded", 60)
        assert any("doctor --store" in one for one in live.get("/readyz").json()["notices"])
        answers = [live.analyze(fresh_selfie()) for _ in range(6)]
        assert {one.status_code for one in answers} == {200}
        assert {one.json()["stored"] for one in answers} == {False}
        assert f"{path} is damaged" in doctor(live)
        assert "Another Facegate uses the data folder" in doctor(live, "--repair")
        live.stop()
        assert "The damaged file is facegate.db.damaged-" in doctor(live, "--repair")
        assert f"{path} is sound." in doctor(live)
        live.start()
        live.wait_until("ready")


def doctor(live: Live, *options: str) -> str:
    """What an operator is told of the database."""
    command = [COMMAND[0], "doctor", "--store", *options]
    ran = subprocess.run(
        command, env=live.environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert "Traceback" not in ran.stderr
    return " ".join((ran.stdout + ran.stderr).split())


@pytest.mark.skipif(not can_mount(), reason=NEEDS)
def test_a_disk_that_turns_read_only_is_told_and_passes(tmp_path: Path) -> None:
    with (
        disk("ext4", tmp_path / "data", 24) as folder,
        Live(tmp_path, probability=0.2, workers=2) as live,
    ):
        assert live.analyze(fresh_selfie()).json()["stored"] is True
        live.licensing._store.close()
        fail(folder)
        answers = [live.analyze(fresh_selfie()) for _ in range(4)]
        assert {one.status_code for one in answers} == {200}
        assert {one.json()["stored"] for one in answers} == {False}
        live.wait_until("degraded")
        live.stop()
        mount_again(folder)
        live.start()
        live.wait()
        assert live.analyze(fresh_selfie()).json()["stored"] is True


def test_two_threads_never_take_more_than_a_quota(tmp_path: Path) -> None:
    with Live(tmp_path, probability=0.2, workers=2) as live:
        hash_id = live.issue(per_day=10)
        statuses: list[int] = []

        def ask() -> None:
            for _ in range(8):
                statuses.append(live_analyze(live, hash_id))

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(statuses) == [200] * 10 + [429] * 22


def live_analyze(live: Live, hash_id: str) -> int:
    import requests

    from tests.live import data_uri

    body = {"hash_id": hash_id, "image": data_uri(fresh_selfie())}
    return requests.post(f"{live.base}/v1/analyze", json=body, timeout=60).status_code
