"""Read and write the operator's own heads: the folder `heads` of the data folder.

heads.json is the record, each head an archive beside it. An archive has a name of its own for every
content, so that replacing heads.json is the one step in which new heads come into force.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field

from service.errors import StartupError
from service.repository.manifest import (
    DEEPFAKE,
    Calibration,
    File,
    Manifest,
    Part,
    Points,
    Positive,
    Sha256,
    Task,
)
from service.runtime.files import replace_file
from service.settings import Settings

BASIS = {"name", "version", "sha256", "tuned", "input", "output", "crop", "head"}
REMEDY = "Train anew with `facegate train DIR`, or go back with `facegate train --remove`."


class MadeFor(Part):
    """`basis` changes with everything that the features depend on; the rest is for people."""

    name: str
    version: str
    basis: Sha256


class HeadImages(Part):
    """How many of them were judged: those that the head was fitted to, and those held out."""

    genuine: int
    attacks: int
    genuine_held_out: int
    attacks_held_out: int


class HeadRecord(Points):
    """One head. Calibration and operating points take the place of those in the manifest."""

    made_for: MadeFor
    made_at: str
    service: str
    file: File
    sha256: Sha256
    ridge: Positive
    images: HeadImages
    figures: dict[str, dict[str, float | None]]
    calibration: Calibration

    @property
    def title(self) -> str:
        return f"Your own head of the model {self.made_for.name}"


class HeadRecords(Part):
    """heads.json; `identity` is that of the analyzer that has these heads."""

    kind: Literal["heads"] = "heads"
    identity: Sha256
    heads: tuple[HeadRecord, ...] = Field(min_length=1)


@dataclass(frozen=True, eq=False)
class OwnHead:
    """`archive` is a NumPy archive of `weight` (1xN) and `bias` (1), both float32."""

    record: HeadRecord
    archive: bytes

    def fits(self, manifest: Manifest) -> bool:
        """Whether it was made for exactly this model."""
        return self.record.made_for.basis == basis(manifest)

    def over(self, manifest: Manifest) -> Manifest:
        """The manifest with the calibration and the operating points of this head."""
        own = {name: getattr(self.record, name) for name in ("calibration", "operating_points")}
        return manifest.model_copy(update=own)

    def values(self, manifest: Manifest) -> dict[str, np.ndarray]:
        """What takes the place of the model's own values, by the names of its inputs."""
        assert manifest.head is not None
        with np.load(io.BytesIO(self.archive)) as parts:
            return {manifest.head.weight: parts["weight"], manifest.head.bias: parts["bias"]}

    def card(self) -> dict[str, object]:
        """The record, without what the detector's card says anyway."""
        return self.record.model_dump(mode="json", exclude={"calibration", "operating_points"})


Heads = Mapping[str, OwnHead]


def basis(manifest: Manifest) -> str:
    """SHA-256 of everything that the features, and the meaning of a head, depend on."""
    parts = manifest.model_dump(mode="json", include=BASIS)
    if manifest.base:  # left out where there is none: heads made before there were bases still fit
        parts["base"] = manifest.base.sha256
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def archive(weight: np.ndarray, bias: float) -> bytes:
    """A head of N weights, as it is kept."""
    out = io.BytesIO()
    np.savez(
        out, weight=weight.reshape(1, -1).astype(np.float32), bias=np.array([bias], np.float32)
    )
    return out.getvalue()


def file_name(model: str, content: bytes) -> str:
    """Another one for every content."""
    return f"{re.sub(r'[^A-Za-z0-9-]', '_', model)}-{hashlib.sha256(content).hexdigest()[:12]}.npz"


def find_heads(settings: Settings, task: Task = DEEPFAKE) -> HeadRecords | None:
    """The record of the heads, where there are some. Raises StartupError when it is unusable."""
    path = _folder(settings, task) / "heads.json"
    try:
        return HeadRecords.model_validate(json.loads(path.read_text()))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        reason = f"cannot be read: {error.strerror}"
    except ValueError:
        reason = "is not one that `facegate train` wrote"
    raise StartupError(f"The record of your own heads, {path}, {reason}.", REMEDY)


def open_heads(settings: Settings, task: Task = DEEPFAKE) -> dict[str, OwnHead]:
    """Every head of a task by the name of its model. Raises StartupError when one is damaged."""
    found, folder = find_heads(settings, task), _folder(settings, task)
    return {one.made_for.name: _open(folder, one) for one in (found.heads if found else ())}


def write_heads(
    settings: Settings, identity: str, heads: Sequence[OwnHead], task: Task = DEEPFAKE
) -> Path:
    """Put these heads in the place of all others of the task; answers where. Raises OSError."""
    folder = _folder(settings, task)
    folder.mkdir(parents=True, exist_ok=True)
    for head in heads:
        replace_file(folder / head.record.file, head.archive)
    records = HeadRecords(identity=identity, heads=tuple(head.record for head in heads))
    replace_file(folder / "heads.json", f"{records.model_dump_json(indent=2)}\n".encode())
    _sweep(folder, {head.record.file for head in heads})
    return folder


def remove_heads(settings: Settings, task: Task = DEEPFAKE) -> bool:
    """Back to the models' own heads; False where there was no other. Raises OSError."""
    folder = _folder(settings, task)
    there = (folder / "heads.json").exists()
    (folder / "heads.json").unlink(missing_ok=True)
    _sweep(folder, set())
    return there


def _open(folder: Path, record: HeadRecord) -> OwnHead:
    try:
        content = (folder / record.file).read_bytes()
    except OSError as error:
        raise StartupError(f"{record.title} cannot be read: {error.strerror}.", REMEDY) from None
    if hashlib.sha256(content).hexdigest() != record.sha256:
        raise StartupError(f"{record.title} is damaged: its checksum differs.", REMEDY)
    return OwnHead(record, content)


def _sweep(folder: Path, kept: set[str]) -> None:
    for path in folder.glob("*.npz"):
        if path.name not in kept:
            path.unlink(missing_ok=True)


def _folder(settings: Settings, task: Task) -> Path:
    return settings.fitted_dir(task) / "heads"
