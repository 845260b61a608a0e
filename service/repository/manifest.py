"""The manifest beside a detector's model file, its checksum and its operating points."""

from __future__ import annotations

import json
import math
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from service.errors import StartupError
from service.repository.checksums import RESTORE, verify_checksum

Probability = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
File = Annotated[str, Field(pattern=r"^[\w.-]+$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
M = TypeVar("M", bound=BaseModel)
Task = Literal["deepfake", "presentation_attack", "voice_spoof"]
Modality = Literal["image", "video", "audio"]
DEEPFAKE: Task = "deepfake"
PRESENTATION: Task = "presentation_attack"


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class TensorInput(Part):
    """The tensor that goes in: 1x3xSxS float32 RGB, scaled to 0..1, minus mean, over std."""

    name: str
    size: int = Field(ge=16, le=1024)
    mean: tuple[Finite, Finite, Finite]
    std: tuple[Positive, Positive, Positive]


class TensorOutputs(Part):
    """Names of the outputs: a single logit and, where there are some, a class activation map, the
    features (1xN) that the head sees, and the pools (1xM) that other detectors read."""

    logit: str
    cam: str | None = None
    features: str | None = None
    pools: str | None = None


class Head(Part):
    """Names of the inputs with defaults that make the logit: features * weight (1xN) + bias (1)."""

    weight: str
    bias: str


class Reads(Part):
    """The detector whose pools this one reads instead of pixels; its input and crop are theirs."""

    name: str
    version: str


class Crop(Part):
    """Side of the square face crop as a multiple of the face box's longer side."""

    margin: float = Field(ge=1, le=4)


class Calibration(Part):
    """Platt scaling: probability = sigmoid(slope * logit + intercept)."""

    slope: Positive
    intercept: Finite


class OperatingPoint(Part):
    """At this threshold of the probability, this share of bona fide images is called fake."""

    bpcer: float = Field(gt=0, lt=1)
    threshold: Probability


class Tuned(Part):
    """A NumPy archive of values that take the place of the model's own of the same names."""

    file: File
    sha256: Sha256


class Base(Part):
    """A file beside the model's own that this one reads large, unchanging weights out of."""

    file: File
    sha256: Sha256


class Tasked(Part):
    """What a model finds, and in what kind of medium. Manifests from before these words were of
    deepfakes in images."""

    task: Task = DEEPFAKE
    modality: Modality = "image"

    @property
    def identity(self) -> str:
        """All that an answer depends on. Not the words that came later: a calibration that was
        fitted before there were any still fits."""
        return self.model_dump_json(exclude=set(LATER))


LATER = ("accurate", *Tasked.model_fields)  # words on which no answer depends


class Points(Part):
    """Thresholds, named by the BPCER that they stand for."""

    operating_points: tuple[OperatingPoint, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _sorted(self) -> Self:
        points = sorted(self.operating_points, key=lambda point: point.bpcer)
        for one, other in pairwise(points):
            if one.bpcer == other.bpcer or one.threshold < other.threshold:
                raise ValueError("operating_points must fall: a higher bpcer, a lower threshold")
        object.__setattr__(self, "operating_points", tuple(points))
        return self

    def threshold(self, bpcer: float) -> float:
        """The threshold for a BPCER; between two operating points, linear in log(bpcer).

        Raises StartupError outside of the range of the operating points.
        """
        points = self.operating_points
        if not points[0].bpcer <= bpcer <= points[-1].bpcer:
            raise StartupError(
                f"{self.title} has no threshold for a BPCER of {bpcer:g}: "
                f"it has operating points from {points[0].bpcer:g} to {points[-1].bpcer:g}.",
                "Set FACEGATE_BPCER within that range.",
            )
        upper = next(i for i, point in enumerate(points) if bpcer <= point.bpcer)
        return _between(points[max(upper - 1, 0)], points[upper], bpcer)

    @property
    def title(self) -> str:
        """How a sentence names it."""
        return "The calibration"


class Pointed(Points, Tasked):
    """A model that judges by a threshold."""

    name: str = Field(min_length=1)
    version: str = Field(min_length=1)
    default_bpcer: float = Field(gt=0, lt=1)

    @property
    def title(self) -> str:
        return f"The model {self.name}"


class Manifest(Pointed):
    """manifest.json of a model folder of kind `detector`; `fast`: cheap enough to run alone;
    `accurate`: adds to the others, so it runs beside them; `mirrored`: its logit is the mean of
    those of the face crop and of its mirror image; `known_logit`: that of the self-test's pattern,
    where the model was measured."""

    kind: Literal["detector"]
    file: File
    sha256: Sha256
    base: Base | None = None
    tuned: Tuned | None = None
    licence: str
    origin: str
    input: TensorInput
    output: TensorOutputs
    crop: Crop
    calibration: Calibration
    head: Head | None = None
    fast: bool = False
    accurate: bool = True
    mirrored: bool = False
    known_logit: float | None = None
    reads: Reads | None = None

    @property
    def identity(self) -> str:
        """The identity, without what other detectors read of it."""
        unsaid = set() if self.reads else {"reads"}
        unread: dict[str, Any] = dict.fromkeys({*LATER, *unsaid}, True)
        return self.model_dump_json(exclude=unread | {"output": {"pools"}})


class SoundInput(Part):
    """The tensor that goes in: 1xN float32, 16 kHz mono as decoded; N is that of a window of
    speech: at most `seconds`, and one shorter than `shortest` is repeated up to there."""

    name: str
    seconds: float = Field(ge=1, le=30)
    shortest: float = Field(gt=0, le=30)


class SoundOutput(Part):
    """Name of the output: a single logit."""

    logit: str


class VoiceManifest(Pointed):
    """manifest.json of a model folder of kind `detector` that judges voices; `known_logit`: that of
    the self-test's sound, where the model was measured."""

    kind: Literal["detector"]
    task: Literal["voice_spoof"] = "voice_spoof"
    modality: Literal["audio"] = "audio"
    file: File
    sha256: Sha256
    licence: str
    origin: str
    input: SoundInput
    output: SoundOutput
    calibration: Calibration
    fast: bool = False
    known_logit: float | None = None

    def nearest(self, bpcer: float) -> float:
        """The BPCER nearest to this one that there is a threshold for.

        The setting is made for faces, whose thresholds reach further than those of voices.
        """
        points = self.operating_points
        return min(max(bpcer, points[0].bpcer), points[-1].bpcer)


def _between(low: OperatingPoint, high: OperatingPoint, bpcer: float) -> float:
    if bpcer == high.bpcer:
        return high.threshold
    share = math.log(bpcer / low.bpcer) / math.log(high.bpcer / low.bpcer)
    return low.threshold + share * (high.threshold - low.threshold)


def kind_of(folder: Path) -> str:
    """The kind that a model folder declares. Raises StartupError when it cannot be read."""
    return str(read_json(folder).get("kind"))


def task_of(folder: Path) -> tuple[str, str]:
    """(task, modality) that a model folder declares. Raises StartupError when it cannot be read."""
    manifest = read_json(folder)
    return str(manifest.get("task", DEEPFAKE)), str(manifest.get("modality", "image"))


def load_manifest(folder: Path) -> Manifest:
    """The manifest of a detector's folder.

    Raises StartupError when it is unusable, or when one of its files is missing or damaged.
    """
    manifest = read_manifest(Manifest, folder)
    for part in (manifest, manifest.base, manifest.tuned):
        if part is not None:
            verify_checksum(folder, part.file, part.sha256)
    return manifest


def load_voice_manifest(folder: Path) -> VoiceManifest:
    """The manifest of a voice detector's folder. Raises StartupError as `load_manifest` does."""
    manifest = read_manifest(VoiceManifest, folder)
    verify_checksum(folder, manifest.file, manifest.sha256)
    return manifest


def read_manifest(model: type[M], folder: Path) -> M:
    """manifest.json as a `model`. Raises StartupError when it is unusable."""
    try:
        return model.model_validate(read_json(folder))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "its content"
        raise StartupError(
            f"The manifest of the model {folder.name} is unusable: {where}: {first['msg']}.",
            RESTORE,
        ) from None


def read_json(folder: Path) -> dict[str, Any]:
    """manifest.json as it stands. Raises StartupError when it is missing or is not an object."""
    try:
        manifest = json.loads((folder / "manifest.json").read_text())
        if not isinstance(manifest, dict):
            raise ValueError("not an object")
    except OSError as error:
        raise StartupError(
            f"The manifest of the model {folder.name} cannot be read: {error.strerror}.", RESTORE
        ) from None
    except ValueError:
        raise StartupError(
            f"The manifest of the model {folder.name} is not a JSON object.", RESTORE
        ) from None
    return manifest
