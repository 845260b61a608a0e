"""The shapes of contract 3."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from service.analysis.decision.reweigh import Method
from service.api.http.schemas import REQUEST_ID, Failure, Json

Class = Literal["fake", "real"]


class PredictOptions(BaseModel):
    """How the detectors are asked and fused."""

    ensemble_method: Method = Field("stacking", description="falls back to `average`")
    threshold: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.5
    models: list[str] | None = Field(None, min_length=1, description="detectors; default: all")


class PredictBody(PredictOptions):
    """One medium as JSON."""

    media_type: Literal["image", "video", "audio"] = "image"
    image_data: str | None = Field(None, description="base64, or a data URI")
    video_data: str | None = Field(None, description="the same of a video")
    audio_data: str | None = Field(None, description="the same of a recording")


class ModelResult(BaseModel):
    """What one detector said; 0.5 is its decision line."""

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)

    probability: float = Field(ge=0, le=1)
    kind: Class = Field(alias="class")


class ModelFailure(BaseModel):
    """A detector that failed or took too long was left out."""

    error: Literal["This detector did not answer."] = "This detector did not answer."


class Found(BaseModel):
    """An attack of another kind; `decides`: whether the verdict is its own."""

    task: Literal["presentation_attack", "voice_spoof"]
    probability: float = Field(ge=0, le=1, description="0.5 is the decision line")
    decides: bool


class Verdict(BaseModel):
    """What all detectors said together."""

    verdict: Class
    confidence_in_verdict: float = Field(ge=0, le=1)
    ensemble_score_is_fake: float = Field(ge=0, le=1)
    ensemble_method_used: Method
    model_results: dict[str, ModelResult | ModelFailure]
    findings: list[Found] | None = Field(
        None, description="other attacks that were found; absent where there are none"
    )


class GatewayHealth(BaseModel):
    """Whether images are judged now."""

    status: Literal["healthy", "unhealthy"]
    models: list[str]


class Credentials(BaseModel):
    """A user's name and password."""

    username: str
    password: str


class Password(BaseModel):
    """The user's password once more: a token alone does not do everything."""

    password: str


class NewPassword(Password):
    """The old password and the one that takes its place."""

    new_password: str


class Done(BaseModel):
    """It was done."""

    done: Literal[True] = True


class Token(BaseModel):
    """What to send as `Authorization: Bearer ...`."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 (a kind of token)


class Me(BaseModel):
    """The user of a token."""

    username: str
    created_at: str = Field(description="ISO 8601, UTC")


class Record(BaseModel):
    """One line of a history."""

    id: str
    request_id: str
    media_type: Literal["image", "video", "audio"]
    media_name: str | None = None
    verdict: Class
    confidence: float
    timestamp: str = Field(description="ISO 8601, UTC")


class Records(BaseModel):
    """One page, newest first; `next` is the cursor of the page after, absent on the last."""

    limit: int
    records: list[Record]
    next: str | None = None


class FullRecord(Record):
    """One answer of the past, whole."""

    ensemble_method: Method
    full_response: Verdict


class Deleted(BaseModel):
    """How many entries went."""

    deleted: int


class GatewayFailure(Failure):
    """Every failure of the gateway."""

    detail: str
    code: str
    request_id: str

    @staticmethod
    def shown(code: str, sentence: str) -> Json:
        """An example."""
        return {"detail": sentence, "code": code, "request_id": REQUEST_ID}
