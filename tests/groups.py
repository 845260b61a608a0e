"""A real control group of this machine's kernel, which takes no more memory than it is given."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

TOP = Path("/sys/fs/cgroup")
OLD = (TOP / "memory").is_dir()  # version 1 has a tree for each controller


@contextmanager
def memory_group(size: int) -> Iterator[Path]:
    """Raises OSError where none can be made. What runs in it must have ended before."""
    if not OLD:
        (TOP / "cgroup.subtree_control").write_text("+memory")
    group = (TOP / "memory" if OLD else TOP) / f"facegate-memory-{os.getpid()}"
    group.mkdir()
    try:
        (group / ("memory.limit_in_bytes" if OLD else "memory.max")).write_text(str(size))
        yield group
    finally:
        with suppress(OSError):
            group.rmdir()


def entering(group: Path, command: list[str]) -> list[str]:
    """The command, which begins as a member of the group."""
    return ["sh", "-c", f'echo $$ > {group}/cgroup.procs && exec "$@"', "sh", *command]


def members(group: Path) -> set[int]:
    return set(map(int, (group / "cgroup.procs").read_text().split()))


def killed(group: Path) -> int:
    """How many processes the kernel ended there for want of memory."""
    told = group / ("memory.oom_control" if OLD else "memory.events")
    counts = dict(line.split() for line in told.read_text().splitlines())
    return int(counts["oom_kill"])


def peak(group: Path) -> int:
    return int((group / ("memory.max_usage_in_bytes" if OLD else "memory.peak")).read_text())
