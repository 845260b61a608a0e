"""Checks of the machine: Python, CPU, memory, disk, port."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from pathlib import Path

from service.commands.doctor.finding import Diagnosis, failed, ok, warning
from service.commands.listening import FREE_IT, is_ours, obstacle
from service.errors import StartupError
from service.media.picture.turns import LIGHT, PER_PIXEL
from service.repository.registry import detector_folders, tasks_in_force
from service.runtime.machine import cpu_quota, usable_cores, usable_memory
from service.settings import Settings

MIB = 2**20
# Measured under load, the processes' memory by worker: 213 MiB with 4 MiB of detectors, 325 MiB
# with 92 MiB of them.
WORKER, OF_MODELS = 240 * MIB, 1.5
LOW_DISK, NO_DISK = 1024 * MIB, 64 * MIB
CPUINFO = Path("/proc/cpuinfo")
FLAGS = {"avx2": "AVX2", "avx512f": "AVX-512", "avx512_vnni": "VNNI", "avx_vnni": "AVX-VNNI"}


def check_python(settings: Settings) -> Diagnosis:  # noqa: ARG001
    found = platform.python_version()
    if sys.version_info < (3, 11) or sys.maxsize <= 2**32:
        return failed(f"This is Python {found}.", "Install a 64-bit Python 3.11 or newer.")
    return ok(f"Python {found}.")


def check_cpu(settings: Settings) -> Diagnosis:
    """ONNX Runtime picks its kernels by these flags; without AVX2 it falls back to slow ones."""
    if platform.machine().lower() not in {"x86_64", "amd64"}:
        return ok(f"The CPU is {platform.machine()}; no x86 flags to look for.")
    flags = cpu_flags()
    present = [name for flag, name in FLAGS.items() if flag in flags]
    if "avx2" not in flags:
        return warning(
            "The CPU shows no AVX2, so an image takes several times as long.",
            "Run on a CPU of 2013 or later, or let the hypervisor pass its flags on.",
        )
    if "avx512_vnni" not in flags:  # the service, too, asks for this one alone
        return _without_vnni(settings)
    return ok(f"The CPU has {', '.join(present)}; inference runs at its best speed.")


def _without_vnni(settings: Settings) -> Diagnosis:
    """Figures are of one core of an EPYC of 2021 and, less what has gone since, of one of 2017."""
    large = "clip" in settings.detectors if settings.detectors else settings.profile == "accurate"
    if not large:
        return ok("The CPU has AVX2 but no AVX-512 VNNI, which suits the profile `fast`.")
    return warning(
        "The CPU has AVX2 but no AVX-512 VNNI: `accurate` takes 0.2 to 0.6 s of a core a selfie.",
        "Set FACEGATE_PROFILE=fast (less than 0.1 s, but it misses more), or take a Xeon of 2019,"
        " an EPYC of 2022 or a newer one.",
    )


def cpu_flags(cpuinfo: Path = CPUINFO) -> frozenset[str]:
    """Flags of the first core; empty when they cannot be read."""
    try:
        lines = cpuinfo.read_text().splitlines()
    except OSError:
        return frozenset()
    return frozenset(next((line.split() for line in lines if line.startswith("flags")), ()))


def check_memory(settings: Settings) -> Diagnosis:
    """The least for a start, and the most that images could take: a small one in every slot, and
    in turn, one after the other, the largest."""
    workers, limit = workers_of(settings), usable_memory()
    least, most = needed_memory(settings)
    has = f"{limit // MIB} MiB of memory may be used (container limit included)"
    if limit < least:
        return failed(
            f"{has}; {least // MIB} MiB are needed (workers: {workers}).",
            "Raise the memory limit, or set FACEGATE_WORKERS lower.",
        )
    if limit < most:
        return warning(
            f"{has}; {most // MIB} MiB could be needed (workers: {workers}), if every slot held an"
            " image and one of them the largest.",
            "Set FACEGATE_MAX_PIXELS, FACEGATE_SLOTS or FACEGATE_WORKERS lower.",
        )
    return ok(f"{has}; {least // MIB} to {most // MIB} MiB are needed (workers: {workers}).")


def needed_memory(settings: Settings) -> tuple[int, int]:
    """Bytes for a start, and bytes that images could take at most."""
    workers = workers_of(settings)
    least = workers * worker_memory(settings)
    return least, least + workers * settings.slots * LIGHT + settings.max_pixels * PER_PIXEL


def worker_memory(settings: Settings) -> int:
    """Bytes that a worker takes with its detectors loaded. An unusable one is another check's."""
    try:
        tasks = tasks_in_force(settings)
        folders = [folder for task in tasks for folder in detector_folders(settings, task)]
    except StartupError:
        folders = []
    files = (file for folder in folders for file in folder.glob("*.onnx"))
    return WORKER + int(OF_MODELS * sum(file.stat().st_size for file in files))


def check_cores(settings: Settings) -> Diagnosis:
    workers, cores = workers_of(settings), usable_cores()
    quota = cpu_quota()
    limits = "no quota" if quota is None else f"a quota of {quota:g}"
    has = f"{cores} usable of {os.cpu_count()} cores ({limits})"
    if workers > cores:
        return warning(
            f"Workers: {workers}, more than {has}.",
            "Leave FACEGATE_WORKERS unset, or set it to the number of cores.",
        )
    return ok(f"Workers: {workers}, on {has}.")


def workers_of(settings: Settings) -> int:
    """The number of workers that gunicorn would start."""
    return settings.workers or usable_cores()


def check_data_folder(settings: Settings) -> Diagnosis:
    """Writes nothing: a probe made by root would be in the service's way."""
    folder = settings.data_dir.absolute()
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        return failed(
            f"The data folder {folder} cannot be written to.",
            "Give this user the right to write there, or set FACEGATE_DATA_DIR.",
        )
    free = shutil.disk_usage(existing).free
    sentence = f"The data folder {folder} is writable; {free // MIB} MiB are free there."
    if free < LOW_DISK:
        level = failed if free < NO_DISK else warning
        return level(sentence, "Free some space, or set FACEGATE_RESULT_TTL lower.")
    return ok(sentence)


def check_port(settings: Settings) -> Diagnosis:
    found = obstacle(settings)
    if found is None:
        return ok(f"{settings.listens_on()} is free.")
    if is_ours(settings):
        return ok(f"Facegate already answers on {settings.listens_on()}.")
    return failed(found.why, FREE_IT)
