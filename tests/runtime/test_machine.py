"""Cores and memory as a container sees them."""

from __future__ import annotations

import os
from pathlib import Path

import psutil
import pytest

from service.runtime.machine import cpu_quota, usable_cores, usable_memory


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_DOT_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_no_cgroup_leaves_the_affinity(tmp_path: Path) -> None:
    assert usable_cores(tmp_path) == len(os.sched_getaffinity(0))
    assert cpu_quota(tmp_path) is None


@pytest.mark.parametrize(
    ("text", "quota"), [("150000 100000", 1.5), ("max 100000", None), ("50000 100000", 0.5)]
)
def test_quota_of_cgroup_v2(tmp_path: Path, text: str, quota: float | None) -> None:
    assert cpu_quota(write(tmp_path, cpu_DOT_max=text)) == quota


def test_quota_of_cgroup_v1(tmp_path: Path) -> None:
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu/cpu.cfs_quota_us").write_text("300000")
    (tmp_path / "cpu/cpu.cfs_period_us").write_text("100000")
    assert cpu_quota(tmp_path) == 3.0


def test_unlimited_cgroup_v1(tmp_path: Path) -> None:
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu/cpu.cfs_quota_us").write_text("-1")
    (tmp_path / "cpu/cpu.cfs_period_us").write_text("100000")
    assert cpu_quota(tmp_path) is None


def test_half_a_core_still_gives_one_worker(tmp_path: Path) -> None:
    assert usable_cores(write(tmp_path, cpu_DOT_max="50000 100000")) == 1


def test_memory_limit(tmp_path: Path) -> None:
    assert usable_memory(write(tmp_path, memory_DOT_max="1073741824")) == 2**30
    assert usable_memory(write(tmp_path, memory_DOT_max="max")) == psutil.virtual_memory().total
