"""Limits of the control groups that this process is in: its own, and every level above it.

A limit may stand at any level: systemd writes a unit's (MemoryMax, CPUQuota) into the unit's own
group, a slice's above it, an orchestrator's wherever it likes. Version 1 has a tree for each
controller, version 2 one for all, and a hybrid machine has both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

ROOT = Path("/")


class Mount(NamedTuple):
    """Where a tree is seen, and which of its groups is the topmost one that is seen."""

    controllers: frozenset[str] | None  # None: version 2
    top: PurePosixPath
    point: Path


def memory_limit(root: Path = ROOT) -> int | None:
    """Bytes; None where nothing limits memory. `root` holds proc and sys."""
    return min((int(one) for one in _limits("memory", _memory_of, root)), default=None)


def cpu_limit(root: Path = ROOT) -> float | None:
    """Cores; None where nothing limits them."""
    return min(_limits("cpu", _cores_of, root), default=None)


def _memory_of(group: Path) -> Iterator[float]:
    # Above `high` the kernel holds a process up until it hardly runs.
    for name in ("memory.max", "memory.high", "memory.limit_in_bytes"):
        if limit := _number(_read(group / name)):
            yield limit


def _cores_of(group: Path) -> Iterator[float]:
    old = [_read(group / "cpu.cfs_quota_us"), _read(group / "cpu.cfs_period_us")]
    for fields in (_read(group / "cpu.max").split(), old):
        quota, period = (_number(fields[0]), _number(fields[-1])) if fields else (None, None)
        if quota and period and quota > 0:
            yield quota / period


def _limits(
    controller: str, read: Callable[[Path], Iterator[float]], root: Path
) -> Iterator[float]:
    for group in _groups(controller, root):
        yield from read(group)


def _groups(controller: str, root: Path) -> Iterator[Path]:
    """Folders of the groups that this process is in, from its own upwards, in every tree."""
    mounts = list(_mounts(root))
    for controllers, path in _memberships(root):
        if controllers is not None and controller not in controllers:
            continue
        for mount in mounts:
            if (mount.controllers is None) != (controllers is None):
                continue
            if mount.controllers is None or controller in mount.controllers:
                yield from _upwards(mount, path)


def _upwards(mount: Mount, path: PurePosixPath) -> Iterator[Path]:
    """In a container the path may be the host's: what is not below the mount is its top."""
    inside = path.relative_to(mount.top) if path.is_relative_to(mount.top) else PurePosixPath()
    parts = [part for part in inside.parts if part != ".."]
    for count in range(len(parts), -1, -1):
        yield mount.point.joinpath(*parts[:count])


def _memberships(root: Path) -> Iterator[tuple[frozenset[str] | None, PurePosixPath]]:
    """Lines of /proc/self/cgroup: `4:cpu,cpuacct:/a/b`, and `0::/a/b` of version 2."""
    for line in _read(root / "proc/self/cgroup").splitlines():
        number, controllers, path = line.split(":", 2)
        new = number == "0" and not controllers
        yield None if new else frozenset(controllers.split(",")), PurePosixPath(path)


def _mounts(root: Path) -> Iterator[Mount]:
    """Lines of /proc/self/mountinfo: `30 23 0:26 TOP POINT OPTIONS ... - TYPE SOURCE OPTIONS`."""
    for line in _read(root / "proc/self/mountinfo").splitlines():
        before, _, after = line.partition(" - ")
        fields, (kind, *_, options) = before.split(), after.split()
        if kind in ("cgroup", "cgroup2"):
            point = root / _plain(fields[4]).lstrip("/")
            controllers = None if kind == "cgroup2" else frozenset(options.split(","))
            yield Mount(controllers, PurePosixPath(_plain(fields[3])), point)


def _plain(field: str) -> str:
    """The kernel writes a blank as \\040."""
    return field.encode("ascii", "backslashreplace").decode("unicode_escape")


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _number(text: str) -> float | None:
    """`max` and an absent file mean that there is no limit."""
    try:
        return float(text)
    except ValueError:
        return None
