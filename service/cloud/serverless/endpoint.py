"""A SageMaker endpoint that runs this service's image, asked for one medium."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import structlog
from botocore.exceptions import BotoCoreError, ClientError

from service.cloud.aws.session import Cloud
from service.errors import (
    CannotJudge,
    FacegateError,
    ImageError,
    InferenceFailed,
    MediaError,
    MediaTooComplex,
    MediaTooLarge,
    MediaTooLong,
    NoPictures,
    NoSound,
    ProvenanceRefused,
    Reason,
    SeveralTracks,
    UnsupportedMedia,
)

REFUSALS: dict[str, type[FacegateError]] = {
    one.code: one
    for one in (
        *(ImageError, MediaError, NoPictures, NoSound, MediaTooLarge, MediaTooLong),
        *(MediaTooComplex, SeveralTracks, UnsupportedMedia, ProvenanceRefused),
    )
}
log = structlog.get_logger()


@dataclass(frozen=True)
class EndpointLabel:
    """The label with the higher score; model and version as far as the endpoint names them."""

    label: str
    confidence: float
    model_used: str
    model_version: str


class Endpoint:
    """Asks the SageMaker endpoint. Safe for threads."""

    def __init__(self, cloud: Cloud, name: str, hash_id: str | None = None) -> None:
        self._client = cloud.client("sagemaker-runtime")
        self._name = name
        self._more = {"CustomAttributes": f"hash_id={hash_id.strip()}"} if hash_id else {}

    def predict(self, data: bytes, media_type: str) -> EndpointLabel:
        """Raises what the endpoint says of a medium, and InferenceFailed."""
        try:
            answer = self._client.invoke_endpoint(
                EndpointName=self._name, ContentType=media_type, Body=data, **self._more
            )
            return _verdict(answer["Body"].read(), answer.get("CustomAttributes", ""))
        except ClientError as error:
            raise _refusal(error) from None
        except (BotoCoreError, ValueError, KeyError, TypeError, IndexError) as error:
            log.warning("inference failed", kind=type(error).__name__)
            raise InferenceFailed from None


def _verdict(body: bytes, attributes: str) -> EndpointLabel:
    best = max(json.loads(body), key=lambda one: float(one["score"]))
    named = dict(part.split("=", 1) for part in attributes.split(";") if "=" in part)
    return EndpointLabel(
        label=str(best["label"]),
        confidence=float(best["score"]),
        model_used=named.get("model_used", "unknown"),
        model_version=named.get("model_version", "unknown"),
    )


def _refusal(error: ClientError) -> FacegateError:
    """A medium that cannot be judged is nobody's failure; SageMaker wraps what its model said."""
    code = str(error.response.get("Error", {}).get("Code", ""))
    if code == "ModelError":
        code = _code_within(error.response.get("OriginalMessage"))
    if code in REFUSALS:
        return REFUSALS[code]()
    if code in Reason.__members__:
        return CannotJudge(Reason(code))
    log.warning("inference failed", code=code)
    return InferenceFailed()


def _code_within(message: Any) -> str:
    try:
        return str(json.loads(message)["code"])
    except (ValueError, KeyError, TypeError):
        return "ModelError"
