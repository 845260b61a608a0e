"""Manifests of detectors that are a Python class or another container."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from service.errors import StartupError
from service.repository.checksums import RESTORE, verify_checksum
from service.repository.manifest import (
    Crop,
    Part,
    Probability,
    Tasked,
    load_manifest,
    load_voice_manifest,
    read_manifest,
    task_of,
)

KINDS = ("detector", "python", "remote")
Text = Annotated[str, Field(min_length=1)]


class _Plugged(Tasked):
    """`threshold` is the probability from which on this detector calls a face fake.

    After so many `failures` in a row it is left alone for `rest` seconds.
    """

    name: Text
    version: Text
    threshold: Probability = 0.5
    fast: bool = False
    failures: Annotated[int, Field(ge=1)] = 3
    rest: Annotated[float, Field(ge=0)] = 10.0


class PythonManifest(_Plugged):
    """`object` names a class as an entry point does: `package.module:Class`; `timeout` seconds are
    waited for its answer."""

    kind: Literal["python"]
    object: Annotated[str, Field(pattern=r"^[\w.]+:[\w.]+$")]
    timeout: Annotated[float, Field(gt=0, le=60)] = 10.0


class RemoteManifest(_Plugged):
    """A container that answers `GET /health` and `POST /predict`; times in seconds."""

    kind: Literal["remote"]
    url: Annotated[str, Field(pattern=r"^https?://[^\s]+$")]
    timeout: Annotated[float, Field(gt=0, le=60)] = 2.0
    retries: Annotated[int, Field(ge=0, le=5)] = 1
    size: Annotated[int, Field(ge=16, le=1024)] = 384
    crop: Crop = Crop(margin=2.0)
    hash_id_file: Path | None = None  # sent as X-Hash-Id


def check_folder(folder: Path, kind: str, bpcer: float | None = None) -> None:
    """Raises StartupError when a model folder of this kind is unusable."""
    match kind:
        case "detector":
            if task_of(folder)[1] == "audio":
                load_voice_manifest(folder)
                return
            manifest = load_manifest(folder)
            if bpcer is not None:
                manifest.threshold(bpcer)
        case "python":
            read_manifest(PythonManifest, folder)
        case "remote":
            read_manifest(RemoteManifest, folder)
        case "face_detector" | "speech_detector":
            part = read_manifest(_Shipped, folder)
            verify_checksum(folder, part.file, part.sha256)
        case "fusion":
            from service.repository.fusion_manifest import read_stack

            read_stack(folder)
        case _:
            raise StartupError(
                f"The manifest of the model {folder.name} is of no kind that is known here.",
                RESTORE,
            )


class _Shipped(Part):
    file: str
    sha256: str
