"""Metrics in files without holes: what happens where there is no room."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from service.runtime import metric_files
from service.runtime.metric_files import FIRST, Reserved, new_folder
from tests.faults.disks import NEEDS, can_mount, disk, full


def written(values: Reserved, names: int) -> None:
    for number in range(names):
        values.write_value(f"name {number} " + "x" * 200, float(number), 0.0)


def found(values: Reserved) -> dict[str, float]:
    return {key.split()[1]: value for key, value, _ in values.read_all_values()}


def test_a_file_has_no_holes_however_it_grows(tmp_path: Path) -> None:
    values = Reserved(str(tmp_path / "counter_1.db"))
    written(values, 1000)
    known = (tmp_path / "counter_1.db").stat()
    assert known.st_size > FIRST
    assert known.st_blocks * 512 >= known.st_size
    again = Reserved(str(tmp_path / "counter_1.db"))
    assert found(again) == {str(number): float(number) for number in range(1000)}


@pytest.mark.skipif(not can_mount(), reason=NEEDS)
@pytest.mark.parametrize("kind", ["ext4", "tmpfs"])
def test_where_there_is_no_room_a_worker_counts_for_itself(kind: str, tmp_path: Path) -> None:
    with disk(kind, tmp_path / "disk", 8) as folder:
        before = Reserved(str(folder / "counter_1.db"))
        with full(folder):
            written(before, 1000)
            new = Reserved(str(folder / "counter_2.db"))
            written(new, 1000)
            assert len(found(before)) == len(found(new)) == 1000
        assert not (folder / "counter_2.db").stat().st_size


def test_a_folder_of_a_killed_service_is_removed_and_one_in_use_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metric_files, "SHARED_MEMORY", tmp_path)
    used, handed_on = new_folder(tmp_path)
    code = f"""
from pathlib import Path
from service.runtime import metric_files
metric_files.SHARED_MEMORY = Path({str(tmp_path)!r})
print(metric_files.new_folder(Path()))
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    assert len(list(tmp_path.iterdir())) == 2
    third, also = new_folder(tmp_path)
    assert set(tmp_path.iterdir()) == {used, third}
    assert used.stat().st_mode & 0o777 == 0o700
    for environment in (handed_on, also):
        os.close(int(environment[metric_files.HANDED_ON]))
