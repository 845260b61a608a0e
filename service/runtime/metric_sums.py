"""What workers counted, those that are gone too: their files are folded into one.

Each file holds 64 KiB of shared memory, so services that replace workers would fill it. The one
file says of which files it holds the counts. It is moved into place whole, and only then are those
files removed: a reader passes over them, in between and after a master that was killed there.
"""

from __future__ import annotations

import fcntl
import json
import math
import os
import struct
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from prometheus_client import Metric
from prometheus_client.mmap_dict import MmapedDict

KINDS = ("counter", "histogram")
FOLDED = "folded.json"
UNREADABLE = (OSError, RuntimeError, ValueError, struct.error)

Counts = dict[str, dict[str, list[float]]]  # by kind and key, the numbers to be summed
Held = dict[str, int]  # files whose counts are folded: name and inode, for a name may come again


def unsummed(folder: Path) -> dict[str, Metric]:
    """Counters and histograms by name, as the library has them before it accumulates buckets."""
    found: dict[str, Metric] = {}
    for kind, values in _counts(folder).items():
        for key, parts in values.items():
            metric, name, labels, text = _parsed_key(key)
            if metric not in found:
                found[metric] = Metric(metric, text, kind)
            # Rounded once, whoever counted: a sum that fell by its last bit would look like a
            # restart to Prometheus.
            found[metric].add_sample(name, labels, math.fsum(parts))  # type: ignore[arg-type]
    return found


def fold(folder: Path) -> None:
    """Take in the files of processes that are gone. Raises OSError where there is no room."""
    with _alone(folder):
        counts, held = _parsed(_folded(folder))
        _remove(folder, held)  # what a killed master left
        gone = [file for file in _files(folder) if not _lives(file)]
        for file in gone:
            _add(counts, file)
        _replace(folder, counts, {file.name: file.stat().st_ino for file in gone})
        for file in gone:
            file.unlink()


def exact(numbers: Sequence[float]) -> list[float]:
    """A few numbers with the same sum, to the last bit."""
    if not all(map(math.isfinite, numbers)):
        return [sum(numbers)]
    parts: list[float] = []
    while rest := math.fsum([*numbers, *(-part for part in parts)]):
        parts.append(rest)
    return parts or [0.0]


def _counts(folder: Path) -> Counts:
    """Read again where files were folded meanwhile: nothing is missed, and nothing counts twice."""
    while True:
        before = _folded(folder)
        counts, held = _parsed(before)
        try:
            for file in _files(folder):
                if held.get(file.name) != file.stat().st_ino:
                    _add(counts, file)
        except FileNotFoundError:  # of a worker that died this very moment
            continue
        if _folded(folder) == before:
            return counts


def _files(folder: Path) -> list[Path]:
    return [file for kind in KINDS for file in folder.glob(f"{kind}_*.db")]


def _add(counts: Counts, file: Path) -> None:
    """Nothing, where a starting worker has not filled the file yet, or had no room to."""
    if file.stat().st_size:
        kind = counts[file.name.split("_")[0]]
        for key, value, _, _ in MmapedDict.read_all_values_from_file(str(file)):  # type: ignore[no-untyped-call]
            kind[key].append(value)


def _lives(file: Path) -> bool:
    try:
        os.kill(int(file.stem.split("_")[1]), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _folded(folder: Path) -> bytes:
    try:
        return (folder / FOLDED).read_bytes()
    except FileNotFoundError:
        return b"{}"


def _parsed(folded: bytes) -> tuple[Counts, Held]:
    told = json.loads(folded)
    known = told.get("counts", {})
    return {kind: defaultdict(list, known.get(kind, {})) for kind in KINDS}, told.get("held", {})


@lru_cache(1 << 14)
def _parsed_key(key: str) -> tuple[str, str, tuple[tuple[str, str], ...], str]:
    metric, name, labels, text = json.loads(key)
    return metric, name, tuple(sorted(labels.items())), text


def _replace(folder: Path, counts: Counts, held: Held) -> None:
    sums = {kind: {key: exact(parts) for key, parts in of.items()} for kind, of in counts.items()}
    new = folder / f"{FOLDED}.new"
    try:
        new.write_text(json.dumps({"counts": sums, "held": held}))
        new.replace(folder / FOLDED)
    except OSError:
        new.unlink(missing_ok=True)
        raise


def _remove(folder: Path, held: Held) -> None:
    for name, inode in held.items():
        if (file := folder / name).exists() and file.stat().st_ino == inode:
            file.unlink()


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One process folds at a time; the kernel lets go of a lock whose holder is killed."""
    lock = os.open(folder / "folding", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
