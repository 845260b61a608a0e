"""What this process may use of its machine: cores and memory, container limits included."""

from __future__ import annotations

import os
from pathlib import Path

import psutil

from service.runtime.cgroup import ROOT, cpu_limit, memory_limit


def usable_cores(root: Path = ROOT) -> int:
    """Whole cores that affinity and the cgroups' CPU quota leave; at least 1."""
    affinity = len(os.sched_getaffinity(0))
    quota = cpu_quota(root)
    return affinity if quota is None else max(1, min(affinity, round(quota)))


def cpu_quota(root: Path = ROOT) -> float | None:
    """Cores granted by the tightest cgroup; None when there is no quota."""
    return cpu_limit(root)


def usable_memory(root: Path = ROOT) -> int:
    """Bytes of memory that this process may use: the machine's, or the cgroups' limit if less."""
    machine = int(psutil.virtual_memory().total)
    limit = memory_limit(root)
    return machine if limit is None else min(machine, limit)
