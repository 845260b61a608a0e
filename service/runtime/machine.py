"""What this process may use of its machine: cores and memory, container limits included."""

from __future__ import annotations

import os
from pathlib import Path

import psutil

CGROUP = Path("/sys/fs/cgroup")


def usable_cores(cgroup: Path = CGROUP) -> int:
    """Whole cores that affinity and the cgroup's CPU quota leave; at least 1."""
    affinity = len(os.sched_getaffinity(0))
    quota = cpu_quota(cgroup)
    return affinity if quota is None else max(1, min(affinity, round(quota)))


def cpu_quota(cgroup: Path = CGROUP) -> float | None:
    """Cores granted by the cgroup (v2, then v1); None when there is no quota."""
    fields = _read(cgroup / "cpu.max").split() or [
        _read(cgroup / "cpu/cpu.cfs_quota_us"),
        _read(cgroup / "cpu/cpu.cfs_period_us"),
    ]
    quota, period = _number(fields[0]), _number(fields[-1])
    return quota / period if quota and period and quota > 0 else None


def usable_memory(cgroup: Path = CGROUP) -> int:
    """Bytes of memory that this process may use: the machine's, or the cgroup's limit if less."""
    machine = int(psutil.virtual_memory().total)
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        limit = _number(_read(cgroup / name))
        if limit:
            return min(machine, int(limit))
    return machine


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _number(text: str) -> float | None:
    """`max` and an absent file mean that there is no limit."""
    try:
        return float(text)
    except ValueError:
        return None
