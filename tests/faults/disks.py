"""Small real file systems, to be filled, made read-only or taken away under a running service."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

KINDS = ("ext4", "tmpfs")
NEEDS = "mounting a file system takes root"


def can_mount() -> bool:
    return os.geteuid() == 0 and shutil.which("mkfs.ext4") is not None


@contextmanager
def disk(kind: str, folder: Path, megabytes: int) -> Iterator[Path]:
    """A file system of this kind and size at `folder`."""
    folder.mkdir(parents=True)
    image = folder.with_suffix(".img")
    if kind == "ext4":
        with image.open("wb") as file:
            file.truncate(megabytes << 20)
        do("mkfs.ext4", "-q", "-m0", image)
        do("mount", "-o", "loop", image, folder)
    else:
        do("mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", folder)
    try:
        yield folder
    finally:
        do("umount", "-l", folder)
        image.unlink(missing_ok=True)


@contextmanager
def full(folder: Path) -> Iterator[None]:
    """No byte is free any more, until the block ends."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(65536))
    with filler.open("ab", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"\0")
    try:
        yield
    finally:
        filler.unlink()


def fail(folder: Path) -> None:
    """Read-only, as a kernel makes an ext4 that met a fault of the disk: open files stay open."""
    do("mount", "-o", "remount,abort", folder)


def mount_again(folder: Path) -> None:
    """What an operator does then, nobody having files open on it."""
    do("umount", folder)
    do("mount", "-o", "loop", folder.with_suffix(".img"), folder)


def do(*command: object) -> None:
    subprocess.run([str(word) for word in command], check=True, capture_output=True)
