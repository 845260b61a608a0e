"""The shapes of contract 2, for the OpenAPI document."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from service.api.check.envelope import TYPES, UNKNOWN
from service.api.http.schemas import Failure, Json

ErrorType = Literal[
    "api_error",
    "argument_error",
    "callback_error",
    "credentials_error",
    "media_error",
    "plan_error",
    "request_error",
    "unknown_error",
    "usage_limit",
]


class CheckRequest(BaseModel):
    """What a request is called and cost."""

    id: str = Field(pattern="^req_")
    timestamp: float = Field(description="seconds since the epoch")
    operations: int


class CheckScores(BaseModel):
    """One score for each model that was asked."""

    deepfake: float | None = Field(
        None, ge=0, le=1, description="of the worst face; 0.5 is the decision line"
    )
    presentation_attack: float | None = Field(
        None, ge=0, le=1, description="the same of prints and screens; null where it has no answer"
    )


class CheckMedia(BaseModel):
    """What was judged."""

    id: str = Field(pattern="^med_")
    uri: str = Field(description="its address, or the name of the upload")


class CheckAnswer(BaseModel):
    """Contract 2, the answer."""

    status: Literal["success"]
    request: CheckRequest
    type: CheckScores
    media: CheckMedia
    data: CheckFrames | None = Field(None, description="of a video")


class CheckTakenIn(BaseModel):
    """Contract 2, a long video or recording: it is judged later, and the callback is told."""

    status: Literal["success"]
    request: CheckRequest
    media: CheckMedia
    callback: str
    job: str = Field(description="for GET /v1/jobs/{id}")


class CheckFrameInfo(BaseModel):
    """Which frame of a video."""

    id: str
    position: int = Field(description="milliseconds from the first frame")


class CheckFrame(BaseModel):
    """The worst face of one frame."""

    info: CheckFrameInfo
    type: CheckScores


class CheckFrames(BaseModel):
    """The frames of a video that were looked at and show a face."""

    frames: list[CheckFrame]


class CheckError(BaseModel):
    """Why a check failed."""

    type: ErrorType
    code: int = Field(description="tells errors of one type apart; see docs/check.md")
    message: str


class CheckFailure(Failure):
    """Contract 2, a failure."""

    status: Literal["failure"]
    request: CheckRequest
    error: CheckError

    @staticmethod
    def shown(code: str, sentence: str) -> Json:
        """An example."""
        kind, number = TYPES.get(code, UNKNOWN)
        return {
            "status": "failure",
            "request": {"id": "req_1c2e", "timestamp": 1491402308.4762, "operations": 0},
            "error": {"type": kind, "code": number, "message": sentence},
        }


class CheckForm(BaseModel):
    """Contract 2, the request: an upload as `media`, or an address as `url`."""

    models: str = Field(
        description="comma list of `deepfake`, `presentation_attack`", examples=["deepfake"]
    )
    api_user: str = Field(description="name of the licence")
    api_secret: str = Field(description="its hash_id")
    url: str | None = Field(None, description="address of the medium, without `media`")
    callback_url: str | None = Field(None, description="told the end of a long video or recording")
