"""Several processes that write without a pause, as workers do that each log every judgement."""

from __future__ import annotations

import multiprocessing
import time
from itertools import pairwise
from pathlib import Path

from service.store.sqlite.database import Database
from tests.store.records import in_processes

MIGRATIONS = (("CREATE TABLE turns (number INTEGER)",),)


def test_writers_on_a_slow_disk_take_turns(tmp_path: Path) -> None:
    """Each leaves the file free for an instant only; nobody waits until another is done."""
    database = Database(tmp_path / "turns.db", MIGRATIONS, busy_timeout=60)
    together = multiprocessing.get_context("fork").Barrier(3)

    def write(number: int) -> None:
        together.wait(60)
        for _ in range(20):
            with database.transaction() as db:
                db.execute("INSERT INTO turns VALUES (?)", (number,))
                time.sleep(0.03)  # as long as such a disk takes to write it down

    in_processes(3, write)
    with database.connection() as db:
        order = [number for (number,) in db.execute("SELECT number FROM turns ORDER BY rowid")]
    assert len(order) == 60
    assert sum(one != other for one, other in pairwise(order)) >= 10, order
