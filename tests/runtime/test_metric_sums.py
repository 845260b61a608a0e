"""What workers counted stays the same to the last bit when their files are folded."""

from __future__ import annotations

import json
import math
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from service.runtime import metric_sums
from service.runtime.metric_files import Reserved
from service.runtime.metric_sums import FOLDED, exact, fold, unsummed
from tests.faults.disks import NEEDS, can_mount, disk, full
from tests.waiting import eventually

FIRST = "facegate_counter_total", "(('n', '0'),)"


@pytest.fixture(scope="module")
def dead() -> list[int]:
    """Numbers of processes that were."""
    ended = [subprocess.Popen(["true"]) for _ in range(12)]
    return [one.pid for one in ended if one.wait() == 0]


def key(kind: str, number: int) -> str:
    """As the library writes it."""
    name = f"facegate_{kind}"
    return json.dumps([name, f"{name}_total", {"n": str(number)}, "text"])


def count(folder: Path, pid: int, *values: float) -> None:
    for kind in metric_sums.KINDS:
        file = Reserved(str(folder / f"{kind}_{pid}.db"))
        for number, value in enumerate(values):
            file.write_value(key(kind, number), value, 0.0)
        file.close()  # type: ignore[no-untyped-call]


def told(folder: Path) -> dict[tuple[str, str], float]:
    samples = [one for metric in unsummed(folder).values() for one in metric.samples]
    return {(one.name, str(one.labels)): one.value for one in samples}


def files(folder: Path) -> set[str]:
    return {file.name for file in folder.glob("*.db")}


def test_a_few_numbers_have_the_sum_of_many_to_the_last_bit() -> None:
    chance = random.Random(1)
    many = [chance.random() * 10 ** chance.randint(-9, 9) for _ in range(1000)]
    few = exact(many)
    assert len(few) < 9
    assert math.fsum([*few, *(-one for one in many)]) == 0
    assert exact([]) == exact([0.0]) == [0.0]
    assert math.isnan(exact([1.0, math.nan])[0])


def test_files_of_the_dead_become_one_and_every_sum_stays(tmp_path: Path, dead: list[int]) -> None:
    chance = random.Random(2)
    live = Reserved(str(tmp_path / f"counter_{os.getpid()}.db"))
    live.write_value(key("counter", 0), 0.1, 0.0)
    for pid in dead:
        count(tmp_path, pid, chance.random(), chance.random() * 1e9, 1.0)
        before = told(tmp_path)
        fold(tmp_path)
        assert told(tmp_path) == before
        assert files(tmp_path) == {f"counter_{os.getpid()}.db"}
    assert told(tmp_path)["facegate_counter_total", "(('n', '2'),)"] == len(dead)


def test_an_empty_file_of_a_worker_without_room_is_removed(tmp_path: Path, dead: list[int]) -> None:
    (tmp_path / f"counter_{dead[0]}.db").touch()
    fold(tmp_path)
    assert (files(tmp_path), told(tmp_path)) == (set(), {})


FOLD = "import sys; from pathlib import Path; from service.runtime.metric_sums import fold;"


def test_two_that_fold_at_once_while_others_read(tmp_path: Path, dead: list[int]) -> None:
    for pid in dead:
        count(tmp_path, pid, 0.1, 3.0)
    right, seen, end = told(tmp_path), list[object](), threading.Event()

    def read() -> None:
        while not end.is_set():
            seen.append(told(tmp_path))

    readers = [threading.Thread(target=read) for _ in range(2)]
    for one in readers:
        one.start()
    code = FOLD + "fold(Path(sys.argv[1]))"
    command = [sys.executable, "-c", code, str(tmp_path)]
    both = [subprocess.Popen(command) for _ in range(2)]
    assert [one.wait() for one in both] == [0, 0]
    end.set()
    for one in readers:
        one.join()
    assert files(tmp_path) == set()
    assert seen
    assert [one for one in seen if one != right] == []


def test_a_master_that_is_killed_between_two_steps(tmp_path: Path, dead: list[int]) -> None:
    """The counts are folded already, and the files are still there."""
    count(tmp_path, dead[0], 0.1, 3.0)
    count(tmp_path, dead[1], 0.2, 4.0)
    right = told(tmp_path)
    code = FOLD + "import time; Path.unlink = lambda *_: time.sleep(60); fold(Path(sys.argv[1]))"
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)]) as killed:
        assert eventually((tmp_path / FOLDED).exists)
        time.sleep(0.1)
        killed.send_signal(signal.SIGKILL)
    assert len(files(tmp_path)) == 4
    assert told(tmp_path) == right
    fold(tmp_path)
    assert (files(tmp_path), told(tmp_path)) == (set(), right)


def test_a_process_with_the_number_of_one_whose_file_is_held_counts(
    tmp_path: Path, dead: list[int]
) -> None:
    count(tmp_path, dead[0], 1.0)
    held = tmp_path / "kept"
    os.link(tmp_path / f"counter_{dead[0]}.db", held)  # so that its inode is not given anew
    fold(tmp_path)
    count(tmp_path, dead[0], 2.0)
    assert told(tmp_path)[FIRST] == 3.0


@pytest.mark.skipif(not can_mount(), reason=NEEDS)
def test_without_room_all_stays_as_it_is_until_there_is_some(
    tmp_path: Path, dead: list[int]
) -> None:
    with disk("tmpfs", tmp_path / "disk", 8) as folder:
        count(folder, dead[0], 1.0)
        with full(folder):
            with pytest.raises(OSError, match="space"):
                fold(folder)
            assert told(folder)[FIRST] == 1.0
        assert {file.name for file in folder.iterdir()} == files(folder) | {"folding"}
        fold(folder)
        assert files(folder) == set()
        assert told(folder)[FIRST] == 1.0
