"""What the networks see of every view, kept in OUT/views.npz: `features` of the small untuned one,
`pools` of the tower of the deepfake detector `clip`."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path

import numpy as np

from service.analysis.face.crop import normalise
from service.repository.session import open_session
from training.data.pools import reader
from training.export.quantise import quantise
from training.nets.model import MEAN, STD
from training.presentation.network import write_onnx
from training.presentation.views import CropView, photographs, views_of

RANGES = 128  # views that set the ranges of the int8 network
COLUMNS = ("features", "pools", "source", "kind", "species", "plain")


def every_view(data: Path, genuine: Path) -> Iterator[CropView]:
    for folder, presentation in ((data, True), (genuine, False)):
        for number, one in enumerate(photographs(folder, presentation=presentation)):
            yield from views_of(one, number, presentation=presentation)


def collect(data: Path, genuine: Path, clip: Path, out: Path) -> None:
    """OUT/views.npz, by an int8 network without a head, OUT/raw/model.onnx, and a clip's folder."""
    raw = out / "raw" / "model.onnx"
    raw.parent.mkdir(parents=True, exist_ok=True)
    views = every_view(data, genuine)
    first = list(islice(views, 20 * RANGES))
    np.save(out / "ranges.npy", np.stack([view.pixels for view in first[::20]]))
    write_onnx(raw)
    quantise(raw, "image", pixels_for_ranges(out))
    session, pools, found = open_session(raw), reader(clip), []
    for number, view in enumerate(chain(first, views), 1):
        taken = {"image": normalise(view.pixels, MEAN, STD)}
        features = session.run(["features"], taken)[0][0].astype(np.float16)
        seen = pools(view.pixels).astype(np.float16)
        found.append((features, seen, view.of.source, view.kind, view.of.species, view.plain))
        if number % 1000 == 0:
            print(f"{number} views", flush=True)
    columns = zip(COLUMNS, zip(*found, strict=True), strict=True)
    np.savez(out / "views.npz", **{name: np.array(column) for name, column in columns})


def pixels_for_ranges(out: Path) -> Iterator[np.ndarray]:
    return (normalise(view, MEAN, STD) for view in np.load(out / "ranges.npy"))
