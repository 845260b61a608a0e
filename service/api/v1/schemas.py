"""What answers of our own routes are made of."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from service.analysis.judgement import (
    Box,
    Decision,
    FaceJudgement,
    Finding,
    Frame,
    ImageFacts,
    Quality,
    Track,
    Window,
)
from service.api.http.schemas import Answer, Model
from service.errors import Reason
from service.media.facts import AudioFacts, VideoFacts
from service.provenance.facts import Provenance


class Judgement(BaseModel):
    """What was found in one selfie."""

    id: str = Field(description="of the kept result, for GET /v1/results/{id}")
    decision: Decision
    is_deepfake: bool = Field(description="whether the decision is anything but `bona_fide`")
    score: float = Field(description="0..1; 0.5 is the decision line")
    probability: float = Field(description="calibrated, 0..1, that the face is manipulated")
    threshold: float = Field(description="probability from which on the decision is an attack")
    bpcer: float = Field(description="share of genuine selfies that the threshold rejects")
    face: Box = Field(description="the face that decided, in pixels of the upright image")
    faces: tuple[FaceJudgement, ...] = Field(description="all judged faces, most prominent first")
    faces_found: int
    reasons: tuple[Reason, ...] = Field(description="warnings")
    findings: tuple[Finding, ...] = Field(description="of every task, the deciding one first")
    kind: Literal["image"] = "image"
    quality: Quality = Field(description="of the face that decided")
    models: tuple[Model, ...]
    left_out: tuple[str, ...] = Field((), description="detectors that failed; not among `models`")
    fingerprint: str = Field(description="of the models and settings that judged")
    image: ImageFacts
    provenance: Provenance | None = Field(
        None, description="where the picture comes from, as facts; never part of the score"
    )
    timings_ms: dict[str, float] = Field(description="milliseconds a stage, when it was judged")


class Sign(BaseModel):
    """One fact that a client told about its camera."""

    sign: Literal["CAMERA", "VIRTUAL_CAMERA", "FRAME_TIMING"]
    sentence: str


class AnalyzeAnswer(Judgement, Answer):
    """The answer to one selfie."""

    cached: bool = Field(
        description="this licence had the same image judged by the same models before"
    )
    stored: bool = Field(description="whether the result could be kept")
    elapsed_ms: float
    heat_map: str | None = Field(None, description="PNG data URI, when `explain` was asked for")
    capture: tuple[Sign, ...] | None = Field(
        None, description="facts about the camera, as the client told them; no part of the score"
    )


class TimedJudgement(BaseModel):
    """What was found in a video or a recording."""

    id: str = Field(description="of the kept result, for GET /v1/results/{id}")
    decision: Decision
    is_deepfake: bool
    score: float = Field(description="0..1; 0.5 is the decision line")
    probability: float = Field(description="calibrated, 0..1, of what decided")
    threshold: float = Field(description="probability from which on the decision is `deepfake`")
    bpcer: float = Field(description="share of genuine media that the threshold rejects")
    reasons: tuple[Reason, ...] = Field(description="warnings")
    findings: tuple[Finding, ...] = Field(description="of every task, the deciding one first")
    models: tuple[Model, ...]
    left_out: tuple[str, ...] = Field((), description="detectors that failed; not among `models`")
    fingerprint: str = Field(description="of the models and settings that judged")
    timings_ms: dict[str, float] = Field(description="milliseconds a stage, when it was judged")


class VideoJudgement(TimedJudgement):
    """What was found in one video."""

    kind: Literal["video"] = "video"
    video: VideoFacts
    faces_found: int = Field(description="different faces over the whole video")
    tracks: tuple[Track, ...] = Field(description="each face over time, most prominent first")
    counted: int = Field(description="index of the track that decided")
    frames: tuple[Frame, ...] = Field(description="those that were looked at")
    sound: Finding | None = Field(None, description="what the sound's own detectors found")
    sound_refused: str | None = Field(
        None,
        description="why they could not judge it: the code that a recording would be refused by",
    )


class RecordingJudgement(TimedJudgement):
    """What was found in one recording."""

    kind: Literal["audio"] = "audio"
    audio: AudioFacts
    speech_seconds: float
    windows: tuple[Window, ...] = Field(description="judged stretches of speech")


class VideoAnswer(VideoJudgement, Answer):
    """The answer to one video."""

    cached: bool = Field(description="the same video was judged before by the same models")
    stored: bool = Field(description="whether the result could be kept")
    elapsed_ms: float


class RecordingAnswer(RecordingJudgement, Answer):
    """The answer to one recording."""

    cached: bool = Field(description="the same recording was judged before by the same models")
    stored: bool = Field(description="whether the result could be kept")
    elapsed_ms: float


class BatchOutcome(BaseModel):
    """What became of one image: `result`, or `error` with its `code`."""

    index: int
    id: str | None = None
    result: AnalyzeAnswer | None = None
    error: str | None = None
    code: str | None = None


class BatchAnswer(Answer):
    """One outcome for each image, in their order."""

    results: list[BatchOutcome]
    judged: int
    failed: int
    elapsed_ms: float


class KeptResult(Judgement):
    """A kept result."""

    created_at: str = Field(description="ISO 8601, UTC")


class KeptVideo(VideoJudgement):
    """A kept result of a video."""

    created_at: str = Field(description="ISO 8601, UTC")


class KeptRecording(RecordingJudgement):
    """A kept result of a recording."""

    created_at: str = Field(description="ISO 8601, UTC")


Kept = KeptResult | KeptVideo | KeptRecording


class ResultAnswer(KeptResult, Answer):
    """One kept result."""


class VideoResultAnswer(KeptVideo, Answer):
    """One kept result of a video."""


class RecordingResultAnswer(KeptRecording, Answer):
    """One kept result of a recording."""


class ResultPage(Answer):
    """Kept results, newest first; `next` is the cursor of the page after, absent on the last."""

    results: list[Kept]
    next: str | None = None


class JobMedium(BaseModel):
    """The medium of a job."""

    kind: str
    size: int = Field(description="bytes")
    sha256: str


class Job(BaseModel):
    """A job: `result` when it is `done`, `error` and `code` when it has `failed`."""

    id: str
    state: Literal["queued", "running", "done", "failed"]
    progress: float = Field(description="0..1")
    created_at: str = Field(description="ISO 8601, UTC")
    finished_at: str | None = None
    expires_at: str = Field(description="when the job is forgotten")
    medium: JobMedium
    callback: Literal["none", "waiting", "delivered", "failed"]
    status_url: str = Field(description="relative to this service")
    result: Kept | None = None
    error: str | None = None
    code: str | None = None


class JobAnswer(Job, Answer):
    """A job as it stands."""


class JobWithdrawn(Answer):
    """The job is forgotten, its medium with it."""

    id: str


class Session(Answer):
    """A challenge, to be sent back as `Facegate-Challenge` with one request."""

    challenge: str
    expires_at: str = Field(description="ISO 8601, UTC")


class CallbackSecret(Answer):
    """What the callbacks to this licence's holder are signed with."""

    secret: str = Field(description="as the libraries of Standard Webhooks take it")
