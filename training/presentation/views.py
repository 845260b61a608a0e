"""Training views: photographs of live faces and of attacks, and attacks made of live faces.

Every view but the plain ones passes the modelled camera (`camera`), live faces and attacks alike,
and is framed at random: how closely a face was cut out tells nothing.
"""

from __future__ import annotations

import csv
import io
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from service.analysis.face.blazeface import Face, FaceDetector
from service.analysis.face.crop import FILL, face_crop
from service.settings import PACKAGE
from training.nets.model import SIZE
from training.presentation import attacks, camera

MARGIN = 1.3
SEEN, STRENGTHS = 2, (0.3, 0.6, 1.0)  # views of a photograph by the camera
Kind = Literal["live", "attack", "simulated"]


@dataclass(frozen=True, eq=False)
class Photograph:
    """HxWx3 uint8 RGB with its most prominent face; `species` is the attack's instrument."""

    pixels: np.ndarray
    face: Face
    source: str
    species: str
    attack: bool


@dataclass(frozen=True, eq=False)
class CropView:
    """SIZExSIZEx3 uint8 RGB; `plain`: as serving sees the photograph."""

    pixels: np.ndarray
    of: Photograph
    kind: Kind
    plain: bool = False


def photographs(data: Path, *, presentation: bool) -> Iterator[Photograph]:
    """Of labels.csv: of sources with attacks, or genuine ones of the others; those with a face."""
    rows = list(csv.DictReader((data / "labels.csv").open()))
    theirs = {row["source"] for row in rows if row["label"] == "attack"}
    wanted = [row for row in rows if (row["source"] in theirs) == presentation]
    detector = FaceDetector(PACKAGE / "models")
    for row, content in _contents(data, [row for row in wanted if row["label"] != "fake"]):
        pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
        faces = detector.detect(np.ascontiguousarray(pixels)).faces
        if faces:
            attack = row["label"] == "attack"
            yield Photograph(pixels, faces[0], row["source"], row["species"], attack)


def _contents(data: Path, rows: list[dict[str, str]]) -> Iterator[tuple[dict[str, str], bytes]]:
    for shard in sorted({row["shard"] for row in rows}):
        mine = [row for row in rows if row["shard"] == shard]
        if not shard:
            yield from ((row, (data / row["name"]).read_bytes()) for row in mine)
            continue
        with tarfile.open(data / shard) as files:
            for row in mine:
                yield row, (files.extractfile(row["name"]) or io.BytesIO()).read()


def views_of(photograph: Photograph, seed: int, *, presentation: bool) -> Iterator[CropView]:
    """One plain view; of sources with attacks more, so that they are not outnumbered."""
    kind: Kind = "attack" if photograph.attack else "live"
    rng = np.random.default_rng(seed)
    plain = face_crop(photograph.pixels, photograph.face, MARGIN, SIZE)
    yield CropView(plain, photograph, kind, plain=True)
    for _ in range(SEEN if presentation else 1):
        yield CropView(_seen(photograph, kind, rng), photograph, kind)
    for _ in range(0 if photograph.attack else SEEN if presentation else 1):
        yield CropView(_seen(photograph, "simulated", rng), photograph, "simulated")


def _seen(photograph: Photograph, kind: Kind, rng: np.random.Generator) -> np.ndarray:
    pixels, face = trimmed(photograph.pixels, photograph.face, rng)
    scene = camera.as_image(pixels)
    if kind == "simulated":
        make = attacks.replayed if rng.random() < 0.7 else attacks.printed
        scene = make(scene, rng)
    turned = camera.turned(scene, rng, 0.03)
    return _framed(camera.as_pixels(camera.seen(turned, rng, rng.choice(STRENGTHS))), face, rng)


def trimmed(pixels: np.ndarray, face: Face, rng: np.random.Generator) -> tuple[np.ndarray, Face]:
    """Every second photograph ends at 0.48 to 0.95 of the face's size from its middle."""
    if rng.random() < 0.5:
        return pixels, face
    reach = rng.uniform(0.48, 0.95, 4) * max(face.width, face.height)
    across, down = face.x + face.width / 2, face.y + face.height / 2
    left, top = max(0, int(across - reach[0])), max(0, int(down - reach[1]))
    right, bottom = int(across + reach[2]), int(down + reach[3])
    moved = Face(face.x - left, face.y - top, face.width, face.height, face.score, face.keypoints)
    return pixels[top:bottom, left:right], moved


def _framed(pixels: np.ndarray, face: Face, rng: np.random.Generator) -> np.ndarray:
    """A crop as serving cuts it, but shifted, scaled, turned and mirrored a little."""
    side = max(face.width, face.height) * MARGIN * rng.uniform(0.87, 1.15)
    across, down = rng.normal(0, 0.03, 2) * side + [
        face.x + face.width / 2,
        face.y + face.height / 2,
    ]
    matrix = cv2.getRotationMatrix2D((across, down), rng.normal(0, 5), SIZE / side)
    matrix[:, 2] += [SIZE / 2 - across, SIZE / 2 - down]
    view = cv2.warpAffine(pixels, matrix, (SIZE, SIZE), borderValue=(FILL,) * 3)
    return np.ascontiguousarray(view[:, ::-1] if rng.random() < 0.5 else view)
