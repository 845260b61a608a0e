"""What is counted, and told of workers, while workers are replaced and where memory is full."""

from __future__ import annotations

import shutil
import signal
import time
from collections import Counter
from pathlib import Path

import psutil
import pytest
import requests

from tests.api.http.test_health import counts
from tests.faults.disks import NEEDS, can_mount
from tests.faults.load import fresh_selfie
from tests.faults.test_running import metrics_folder, workers
from tests.live import COMMAND, Live
from tests.waiting import eventually


def judged(live: Live) -> Counter[str]:
    """What no probe changes."""
    told = counts(live).items()
    return Counter({name: n for name, n in told if "/v1/analyze" in name or "_score_" in name})


def replace(live: Live, how: signal.Signals) -> None:
    """Every worker; back when the new ones are ready and the old ones are forgotten."""
    old = workers(live)
    if how == signal.SIGHUP:
        live.process.send_signal(how)
    for one in old if how == signal.SIGKILL else ():
        one.send_signal(how)
    psutil.wait_procs(old, 20)
    live.session.close()
    eventually(lambda: not set(old) & set(workers(live)))
    live.wait()


def files(live: Live) -> set[str]:
    """Those in shared memory, without the numbers of processes."""
    pids = {str(one.pid) for one in workers(live)} | {str(live.process.pid)}
    names = (file.stem for file in metrics_folder(live).iterdir())
    return {name for name in names if name.split("_")[-1] not in pids}


def test_replaced_workers_leave_no_file_and_their_counts_stay(tmp_path: Path) -> None:
    with Live(tmp_path, probability=0.2, workers=2, command=COMMAND) as live:
        live.issue(expires_at=int(time.time()) + 86400)
        for _ in range(4):
            live.analyze(fresh_selfie())
        before = judged(live)
        assert before["facegate_requests_total,route=/v1/analyze,status=200"] == 4
        for how in signal.SIGHUP, signal.SIGKILL:
            replace(live, how)
            assert judged(live) == before
            assert files(live) <= {"folded", "folding"}


@pytest.mark.skipif(not can_mount(), reason=NEEDS)
def test_workers_without_room_to_count_are_ready_at_once_and_counted_as_such(
    tmp_path: Path,
) -> None:
    """The size holds the files of the master alone."""
    full = 'mount -t tmpfs -o size=400k tmpfs /dev/shm && exec "$0" "$@"'
    command = ["unshare", "-m", "sh", "-c", full, *COMMAND]
    with Live(tmp_path, probability=0.2, workers=2, command=command) as live:
        for how in signal.SIGHUP, signal.SIGKILL:
            started = time.monotonic()
            replace(live, how)
            assert requests.get(f"{live.base}/readyz", timeout=30).status_code == 200
            assert time.monotonic() - started < 15
        assert counts(live)["facegate_ready_workers"] == 2


def test_a_new_worker_waits_for_no_count_where_the_metrics_were_taken_away(tmp_path: Path) -> None:
    with Live(tmp_path, probability=0.2, command=COMMAND) as live:
        shutil.rmtree(metrics_folder(live))
        (old,) = workers(live)
        old.kill()
        old.wait(10)
        live.session.close()
        started = time.monotonic()
        live.wait_until("ready")
        assert time.monotonic() - started < 15
