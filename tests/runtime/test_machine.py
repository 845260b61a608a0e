"""Cores and memory as a container or a unit of systemd sees them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from service.runtime.machine import cpu_quota, usable_cores, usable_memory

MIB = 2**20
V2 = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate"
V1 = [
    "25 23 0:22 / /sys/fs/cgroup ro - tmpfs tmpfs ro,mode=755",
    "31 25 0:27 / /sys/fs/cgroup/cpu,cpuacct rw shared:10 - cgroup cgroup rw,cpu,cpuacct",
    "32 25 0:28 / /sys/fs/cgroup/memory rw shared:11 - cgroup cgroup rw,memory",
]
HYBRID = [*V1, "33 25 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw"]
UNLIMITED = "9223372036854771712"  # as version 1 writes it


def tree(root: Path, membership: str, mounts: list[str], **files: str) -> Path:
    """A made-up /proc and /sys; files are named by their path below /sys/fs/cgroup."""
    for name, text in {"cgroup": membership, "mountinfo": "\n".join(mounts)}.items():
        write(root / "proc/self" / name, text)
    for name, text in files.items():
        write(root / "sys/fs/cgroup" / name, text)
    return root


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n")


def test_no_cgroup_leaves_the_affinity(tmp_path: Path) -> None:
    assert usable_cores(tmp_path) == len(os.sched_getaffinity(0))
    assert cpu_quota(tmp_path) is None
    assert usable_memory(tmp_path) == psutil.virtual_memory().total


@pytest.mark.parametrize(
    ("text", "quota"), [("150000 100000", 1.5), ("max 100000", None), ("50000 100000", 0.5)]
)
def test_quota_at_the_top_of_version_2(tmp_path: Path, text: str, quota: float | None) -> None:
    assert cpu_quota(tree(tmp_path, "0::/", [V2], **{"cpu.max": text})) == quota


def test_half_a_core_still_gives_one_worker(tmp_path: Path) -> None:
    assert usable_cores(tree(tmp_path, "0::/", [V2], **{"cpu.max": "50000 100000"})) == 1


def test_a_unit_of_systemd(tmp_path: Path) -> None:
    """MemoryMax and CPUQuota stand in the unit's own group, below a slice without limits."""
    unit = "system.slice/facegate.service"
    files = {
        f"{unit}/memory.max": str(300 * MIB),
        f"{unit}/memory.high": "max",
        f"{unit}/cpu.max": "100000 100000",
        "system.slice/memory.max": "max",
        "system.slice/cpu.max": "max 100000",
    }
    root = tree(tmp_path, f"0::/{unit}", [V2], **files)
    assert (usable_memory(root), cpu_quota(root)) == (300 * MIB, 1.0)


def test_the_tightest_level_counts_wherever_it_stands(tmp_path: Path) -> None:
    files = {
        "a/memory.max": str(200 * MIB),
        "a/b/memory.max": str(900 * MIB),
        "a/b/c/memory.high": str(500 * MIB),
        "a/cpu.max": "300000 100000",
        "a/b/c/cpu.max": "150000 100000",
        "other/memory.max": str(MIB),
    }
    root = tree(tmp_path, "0::/a/b/c", [V2], **files)
    assert (usable_memory(root), cpu_quota(root)) == (200 * MIB, 1.5)


def test_memory_high_counts_for_what_is_above_it_hardly_runs(tmp_path: Path) -> None:
    root = tree(tmp_path, "0::/a", [V2], **{"a/memory.high": str(128 * MIB)})
    assert usable_memory(root) == 128 * MIB


def test_version_1_below_the_root(tmp_path: Path) -> None:
    files = {
        "cpu,cpuacct/jobs/cpu.cfs_quota_us": "200000",
        "cpu,cpuacct/jobs/cpu.cfs_period_us": "100000",
        "cpu,cpuacct/jobs/one/cpu.cfs_quota_us": "-1",
        "cpu,cpuacct/jobs/one/cpu.cfs_period_us": "100000",
        "memory/memory.limit_in_bytes": UNLIMITED,
        "memory/box/memory.limit_in_bytes": str(700 * MIB),
    }
    root = tree(tmp_path, "4:memory:/box\n3:cpu,cpuacct:/jobs/one\n", V1, **files)
    assert (usable_memory(root), cpu_quota(root)) == (700 * MIB, 2.0)


def test_no_limit_of_version_1(tmp_path: Path) -> None:
    files = {
        "cpu,cpuacct/cpu.cfs_quota_us": "-1",
        "cpu,cpuacct/cpu.cfs_period_us": "100000",
        "memory/memory.limit_in_bytes": UNLIMITED,
    }
    root = tree(tmp_path, "4:memory:/\n3:cpu,cpuacct:/", V1, **files)
    assert cpu_quota(root) is None
    assert usable_memory(root) == psutil.virtual_memory().total


def test_a_hybrid_machine(tmp_path: Path) -> None:
    files = {"memory/box/memory.limit_in_bytes": str(600 * MIB), "unified/box/cgroup.procs": "1"}
    membership = "4:memory:/box\n3:cpu,cpuacct:/\n1:name=systemd:/box\n0::/box"
    assert usable_memory(tree(tmp_path, membership, HYBRID, **files)) == 600 * MIB


@pytest.mark.parametrize("membership", ["0::/docker/0af", "0::/", "0::/../other"])
def test_a_container_that_sees_its_own_group_as_the_top(tmp_path: Path, membership: str) -> None:
    """Without a namespace the path is the host's, and the mount shows that group alone."""
    mount = V2.replace(" / /sys", " /docker/0af /sys")
    root = tree(tmp_path, membership, [mount], **{"memory.max": str(400 * MIB)})
    assert usable_memory(root) == 400 * MIB


@pytest.fixture
def real_group() -> Iterator[list[Path]]:
    """Groups of this machine's kernel with one core and 300 MiB, two levels below the root."""
    if os.geteuid() != 0:
        pytest.skip("making a control group needs root")
    made: list[Path] = []
    try:
        made = list(make_groups())
    except OSError as error:
        remove(made)
        pytest.skip(f"no control group can be made here: {error}")
    yield made
    remove(made)


def make_groups() -> Iterator[Path]:
    top = Path("/sys/fs/cgroup")
    old = (top / "memory").is_dir()
    for controller in ("cpu", "memory") if old else ("",):
        outer = top / controller / f"facegate-test-{os.getpid()}"
        inner = outer / "inner"
        if not old:
            (top / "cgroup.subtree_control").write_text("+cpu +memory")
        outer.mkdir()
        yield outer
        if controller == "cpu":
            (outer / "cpu.cfs_quota_us").write_text("100000")
        elif controller == "memory":
            (outer / "memory.limit_in_bytes").write_text(str(300 * MIB))
        else:
            (outer / "cpu.max").write_text("100000 100000")
            (outer / "memory.max").write_text(str(300 * MIB))
        inner.mkdir()
        yield inner


def remove(groups: list[Path]) -> None:
    for group in sorted(groups, key=lambda one: -len(one.parts)):
        with suppress(OSError):
            group.rmdir()


def test_a_real_group(real_group: list[Path]) -> None:
    inner = [group for group in real_group if group.name == "inner"]
    enter = "; ".join(f"open('{group}/cgroup.procs', 'w').write('0')" for group in inner)
    code = f"{enter}; from service.runtime.machine import *; import json; "
    code += "print(json.dumps([cpu_quota(), usable_cores(), usable_memory()])); "
    code += "print(open('/proc/self/cgroup').read())"
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    limits, _, memberships = ran.stdout.partition("\n")
    # Some supervisors take a process out of groups that are not theirs.
    if memberships.count(f"/{inner[0].parent.name}/inner") < len(inner):
        pytest.skip(f"something moved the process: {memberships}")
    assert json.loads(limits) == [1.0, 1, 300 * MIB], (
        memberships,
        Path("/proc/self/mountinfo").read_text(),
    )
