"""What a judgement is made of. Frozen: the same object is rendered, stored and replayed.

`Analysis` is a union on `kind`; what its members share stands in `_Judgement`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter
from pydantic.dataclasses import dataclass

from service.errors import Reason
from service.media.facts import AudioFacts, VideoFacts
from service.provenance.facts import Provenance

Decision = Literal["bona_fide", "deepfake", "presentation_attack"]
Task = Literal["deepfake", "presentation_attack", "voice_spoof"]
Predictions = tuple["DetectorScore", ...]  # of all detectors for one face, track or voice


@dataclass(frozen=True)
class Box:
    """A face box in pixels of the upright image; it may stick out of the image."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class DetectorScore:
    """One detector's calibrated probability (0..1) that the face is manipulated."""

    name: str
    version: str
    probability: float


@dataclass(frozen=True)
class Quality:
    """What was measured on a face, and the reasons that the measurements give.

    Units: face_width in pixels; yaw, pitch and roll in degrees; sharpness is a variance of the
    Laplacian; brightness is the mean luma of the face, 0..1; border is the distance to the
    nearest image border as a fraction of the image's shorter side, negative when cut off.
    """

    reasons: tuple[Reason, ...]
    face_width: float
    yaw: float
    pitch: float
    roll: float
    sharpness: float
    brightness: float
    border: float


@dataclass(frozen=True)
class FaceJudgement:
    """One judged face: where it is, how confident the face detector was, what was found."""

    box: Box
    confidence: float
    probability: float
    detectors: tuple[DetectorScore, ...]
    quality: Quality


@dataclass(frozen=True)
class ImageFacts:
    """The input: SHA-256 of its bytes, format by content, size as stored, rotation that helped."""

    sha256: str
    format: str
    width: int
    height: int
    rotation: int


@dataclass(frozen=True)
class Finding:
    """What was found for one task. An advisory finding never changes the decision.

    score: probability re-centred in log-odds so that 0.5 is the decision line;
    threshold: probability from which on the decision is `attack`; it stands for `bpcer`.
    """

    task: Task
    decision: Literal["bona_fide", "attack"]
    score: float
    probability: float
    threshold: float
    bpcer: float
    advisory: bool
    reasons: tuple[Reason, ...] = ()
    detectors: Predictions = ()


@dataclass(frozen=True, kw_only=True)
class TrackedFace(FaceJudgement):
    """A judged face of one frame; `track` is the index of its track."""

    track: int


@dataclass(frozen=True)
class Frame:
    """A frame that was looked at, and when: seconds from the first frame."""

    time: float
    faces: tuple[TrackedFace, ...]


@dataclass(frozen=True)
class Track:
    """One face over time: first and last seconds, frames it was judged in, and what was found.

    probability and detectors: robust means over the frames; spread: standard deviation of the
    frames' log-odds; width: median width of the face box in pixels; prominent: whether it may
    decide.
    """

    first: float
    last: float
    frames: int
    width: float
    prominent: bool
    probability: float
    spread: float
    detectors: Predictions


@dataclass(frozen=True)
class Window:
    """A judged stretch of speech, in seconds from the start."""

    start: float
    end: float
    probability: float


@dataclass(frozen=True, kw_only=True)
class _Judgement:
    """What the judgements of all kinds of media share.

    probability: calibrated probability (0..1) of what counts: a face, a track or a voice.
    threshold: probability from which on the decision is `deepfake`; it stands for `bpcer`.
    score: probability re-centred in log-odds so that 0.5 is the decision line.
    left_out: names of detectors that failed; the others answered without them.
    timings: milliseconds a stage (`decode`, `detect`, `infer`, `total`; `explain` when asked for).
    findings: of every task that was looked at, the deciding one first.
    """

    decision: Decision
    score: float
    probability: float
    threshold: float
    bpcer: float
    reasons: tuple[Reason, ...]
    fusion: str
    fingerprint: str
    timings: dict[str, float]
    left_out: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def is_attack(self) -> bool:
        """Whether anything that may decide was found."""
        return self.decision != "bona_fide"

    def finding(self, task: Task) -> Finding | None:
        """What was found for a task; None where it was not looked at."""
        return next((one for one in self.findings if one.task == task), None)

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """Attacks that were found and did not decide."""
        return tuple(one for one in self.findings if one.advisory and one.decision == "attack")

    @property
    def detectors(self) -> Predictions:
        """Of what decided."""
        return self.findings[0].detectors

    @property
    def sha256(self) -> str:
        """Of the bytes as they were received."""
        return self.facts.sha256

    @property
    def facts(self) -> ImageFacts | VideoFacts | AudioFacts:
        """What came in."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class ImageAnalysis(_Judgement):
    """The judgement of one image. `faces`: most prominent first; `counted`: the one that decided.

    heat_map: PNG data URI, only when it was asked for.
    provenance: where the picture comes from; None where nobody asked, or an earlier release judged.
    """

    kind: Literal["image"] = "image"
    image: ImageFacts
    faces: tuple[FaceJudgement, ...]
    counted: int
    faces_found: int
    heat_map: str | None = None
    provenance: Provenance | None = None

    @property
    def facts(self) -> ImageFacts:
        """What came in."""
        return self.image

    @property
    def predictions(self) -> tuple[Predictions, ...]:
        """Of each face."""
        return tuple(face.detectors for face in self.faces)


@dataclass(frozen=True, kw_only=True)
class VideoAnalysis(_Judgement):
    """The judgement of one video. `tracks`: most prominent first; `counted`: the one that decided.

    frames: those that were looked at. sound_refused: code of the error for which the sound was not
    judged; None where it was, where there is none, or where nobody listens.
    """

    kind: Literal["video"] = "video"
    video: VideoFacts
    frames: tuple[Frame, ...]
    tracks: tuple[Track, ...]
    counted: int
    sound_refused: str | None = None

    @property
    def facts(self) -> VideoFacts:
        """What came in."""
        return self.video

    @property
    def faces_found(self) -> int:
        """Different faces over the whole video."""
        return len(self.tracks)

    @property
    def predictions(self) -> tuple[Predictions, ...]:
        """Of each track that may decide."""
        return tuple(track.detectors for track in self.tracks if track.prominent)


@dataclass(frozen=True, kw_only=True)
class AudioAnalysis(_Judgement):
    """The judgement of one recording: its windows of speech, and how much speech there was."""

    kind: Literal["audio"] = "audio"
    audio: AudioFacts
    windows: tuple[Window, ...] = ()
    speech_seconds: float = 0.0

    @property
    def facts(self) -> AudioFacts:
        """What came in."""
        return self.audio

    @property
    def predictions(self) -> tuple[Predictions, ...]:
        """Of the voice."""
        return (self.detectors,)


Analysis = ImageAnalysis | VideoAnalysis | AudioAnalysis
ANALYSIS: TypeAdapter[Analysis] = TypeAdapter(Annotated[Analysis, Field(discriminator="kind")])
