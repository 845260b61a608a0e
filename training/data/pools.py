"""What the readout learns from: pools of augmented views, as the exported tower gives them.

Kept as OUT/pools-TOWER/PART-NNN.npz, SHARD views each, TOWER naming the tower that gave them. Every
file is drawn by its number alone: interrupted, or by more processes, the same views come.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from service.analysis.face.crop import normalise
from service.repository.session import open_session
from service.runtime.allocator import keep_freed
from training.data.batches import Batches, PairChoice
from training.data.dataset import all_copies, load_crops, load_index
from training.export.manifest import read_manifest

SHARD = 512  # views, an even number
READOUT = ("readout.", "species.", "head.")  # names of values that a tower is the same without
Pools = Callable[[np.ndarray], np.ndarray]


def tuned_tower(folder: Path) -> dict[str, np.ndarray]:
    """The tuned values of a model folder that are not of a readout."""
    with np.load(folder / read_manifest(folder)["tuned"]["file"]) as values:
        return {name: v for name, v in values.items() if not name.startswith(READOUT)}


def reader(folder: Path) -> Pools:
    """SIZExSIZEx3 uint8 -> D float32, what the readout would see of it."""
    manifest = read_manifest(folder)
    session, taken = open_session(folder / manifest["file"]), manifest["input"]
    given = {one.name: one.shape for one in session.get_inputs()}
    feed = {name: np.zeros(shape, np.float32) for name, shape in given.items()}
    feed |= tuned_tower(folder)

    def pools(view: np.ndarray) -> np.ndarray:
        pixels = normalise(view, taken["mean"], taken["std"])
        return np.asarray(session.run(["pools"], feed | {taken["name"]: pixels})[0][0])

    return pools


def collect(out: Path, folder: Path, part: str, count: int, size: int = SHARD) -> list[Path]:
    """Files of `size` views each, at least `count` in all, of one part of the split.

    Those that are there are kept.
    """
    place = out / f"pools-{_name(folder)}"
    place.mkdir(exist_ok=True)
    files = [place / f"{part}-{number:03d}.npz" for number in range(-(-count // size))]
    missing = [file for file in files if not file.exists()]
    work = partial(_shard, out, folder, size)
    # Spawned: a fork of a process with torch's threads may never come back.
    with get_context("spawn").Pool(len(os.sched_getaffinity(0))) as pool:
        for done, name in enumerate(pool.imap(work, missing), 1):
            print(f"{name}: {done} of {len(missing)}", flush=True)
    return files


class PoolRows(NamedTuple):
    """`pools` NxD float16, `fake` N float32 (1: fake); N each, of the view's pair: `species` of its
    fake, `source` of its genuine face."""

    pools: np.ndarray
    fake: np.ndarray
    species: np.ndarray
    source: np.ndarray


def where(read: PoolRows, rows: np.ndarray) -> PoolRows:
    """`rows`: a mask; both views of a pair are of one species and of one source."""
    return PoolRows(*(part[rows] for part in read))


def load(files: list[Path]) -> PoolRows:
    parts = [np.load(file) for file in files]
    return PoolRows(*(np.concatenate([one[name] for one in parts]) for name in PoolRows._fields))


def _name(folder: Path) -> str:
    """A name of the tower: its graph and what was tuned of it."""
    digest = hashlib.sha256((folder / read_manifest(folder)["file"]).read_bytes())
    for name, values in sorted(tuned_tower(folder).items()):
        digest.update(name.encode() + values.tobytes())
    return digest.hexdigest()[:12]


def _shard(out: Path, folder: Path, size: int, file: Path) -> str:
    """Writes PART-NNN.npz; its name says of which views."""
    cv2.setNumThreads(1)
    keep_freed()
    part, number = file.stem.rsplit("-", 1)
    pools, source = reader(folder), load_index(out).source
    found, species, sources = [], [], []
    for choice, views in islice(pairs_of(out, part, int(number)), size // 2):
        found += [pools(view).astype(np.float16) for view in views]
        species += [choice.species] * 2
        sources += [source[choice.genuine]] * 2
    beside = file.with_suffix(".part.npz")
    labels = np.tile(np.float32([0, 1]), len(species) // 2)
    read = PoolRows(np.stack(found), labels, np.array(species), np.array(sources))
    np.savez(beside, **read._asdict())
    beside.replace(file)
    return file.stem


def pairs_of(
    out: Path, part: str, seed: int
) -> Iterator[tuple[PairChoice, tuple[np.ndarray, np.ndarray]]]:
    """Endless: what a pair is made of, and its augmented views."""
    index, rows = load_index(out), np.flatnonzero(np.load(out / "split.npy") == part)
    batches = Batches(index, load_crops(out), rows, seed, [*all_copies(out).values()])
    for choice in batches.choices():
        yield choice, batches.views(choice)
