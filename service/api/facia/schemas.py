"""The shapes of contract 1, for the OpenAPI document."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from service.api.http.schemas import Failure, Json
from service.api.v1.requests import ImageText
from service.errors import CORRUPT_SELFIE, ImageError


class LivenessBody(BaseModel):
    """Contract 1, the request."""

    hash_id: str
    selfie_image: ImageText


class DeepfakeResult(BaseModel):
    """Contract 1, the judgement."""

    deepfake_score: float
    is_deepfake: Literal[0, 1]
    message: str
    code: Literal["PRESENTATION_ATTACK"] | None = Field(
        None, description="only where that decided, which FACEGATE_PRESENTATION=decide allows"
    )


class LivenessAnswer(BaseModel):
    """Contract 1, the answer."""

    deepfake_result: DeepfakeResult
    status: Literal["Success"]


class LivenessError(Failure):
    """Contract 1, a failure; `code` is absent for a corrupt image."""

    error: str
    code: str | None = None

    @staticmethod
    def shown(code: str, sentence: str) -> Json:
        """An example."""
        if code == ImageError.code:
            return {"error": CORRUPT_SELFIE}
        return {"error": sentence, "code": code}
