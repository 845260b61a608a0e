"""What is counted, and told of workers, while workers are replaced and where memory is full."""

from __future__ import annotations

import signal
from collections import Counter
from pathlib import Path

import psutil

from tests.api.http.test_health import counts
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
        for _ in range(4):
            live.analyze(fresh_selfie())
        before = judged(live)
        assert before["facegate_requests_total,route=/v1/analyze,status=200"] == 4
        for how in signal.SIGHUP, signal.SIGKILL:
            replace(live, how)
            assert judged(live) == before
            assert files(live) <= {"folded", "folding"}
