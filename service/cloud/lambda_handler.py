"""Contract 5's Lambda function: `service.cloud.lambda_handler.handler`.

Download, keep, ask the endpoint, record, answer. It holds no model: the endpoint is this service,
and everything heavy stays out of these imports.
"""

from __future__ import annotations

import base64
import json
import uuid
from dataclasses import dataclass
from functools import cache
from typing import Any

import structlog

from service.cloud.aws.failures import failures_told
from service.cloud.aws.session import Cloud
from service.cloud.serverless.detections import Detections, UploadDetection
from service.cloud.serverless.endpoint import Endpoint
from service.errors import (
    CloudError,
    FacegateError,
    FetchError,
    InferenceFailed,
    RequestError,
    StartupError,
)
from service.media.fetching import MEDIA, Fetcher
from service.media.kinds import media_type
from service.settings import Settings, load_settings

Answer = dict[str, Any]
LONGEST = 16384  # characters of a body that holds one address
log = structlog.get_logger()


@dataclass(frozen=True)
class FunctionServices:
    """Made once for each container of the function."""

    settings: Settings
    cloud: Cloud
    fetcher: Fetcher
    endpoint: Endpoint
    detections: Detections


def handler(event: Any, context: object) -> Answer:  # noqa: ARG001 (Lambda's signature)
    """The answer to `{"file_url"}`, bare or from API Gateway, always in API Gateway's form."""
    try:
        return _answer(200, _detect(services(), _file_url(event)))
    except FacegateError as error:
        return _refuse(error)
    except Exception as error:
        log.error("unhandled", exc_info=error)
        return _refuse(FacegateError())


@cache
def services() -> FunctionServices:
    """Make the services from the function's environment. Raises StartupError."""
    settings = load_settings()
    if not settings.upload_bucket or not settings.endpoint_name:
        raise StartupError(
            "The function is not set up.",
            "Set FACEGATE_UPLOAD_BUCKET and FACEGATE_ENDPOINT_NAME.",
        )
    cloud, key = Cloud(), settings.secret("sagemaker_hash_id")
    return FunctionServices(
        settings=settings,
        cloud=cloud,
        fetcher=Fetcher(settings),
        endpoint=Endpoint(cloud, settings.endpoint_name, key),
        detections=Detections(cloud, settings.detections_table, settings.detection_ttl),
    )


def _file_url(event: Any) -> str:
    body = event if isinstance(event, dict) else {}
    if "body" in body:
        body = _proxied(body["body"], bool(body.get("isBase64Encoded")))
    url = body.get("file_url") if isinstance(body, dict) else None
    if not isinstance(url, str) or not url:
        raise RequestError("Missing 'file_url'")
    return url


def _proxied(text: Any, encoded: bool) -> Any:
    """The JSON of API Gateway's body; None for what is none."""
    if not isinstance(text, str) or len(text) > LONGEST:
        return None
    try:
        return json.loads(base64.b64decode(text) if encoded else text.removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        return None


def _detect(here: FunctionServices, url: str) -> Answer:
    data = here.fetcher.fetch(url, MEDIA)
    form = media_type(data)  # what a server calls it is not asked
    name = str(uuid.uuid4())
    key = f"uploads/{name}.{_suffix(form)}"
    with failures_told():
        here.cloud.client("s3").put_object(
            Bucket=here.settings.upload_bucket, Key=key, Body=data, ContentType=form
        )
    verdict = here.endpoint.predict(data, form)
    here.detections.add(UploadDetection(name, key, verdict, source_type="url"))
    return {
        "verdict": verdict.label,
        "confidence": round(verdict.confidence, 3),
        "uuid": name,
        "model_used": verdict.model_used,
        "model_version": verdict.model_version,
    }


def _suffix(media_type: str) -> str:
    """The suffix of the object's name; the contract has one for all images."""
    kind, _, subtype = media_type.partition("/")
    return "jpg" if kind == "image" else subtype.rpartition("-")[2]


def _refuse(error: FacegateError) -> Answer:
    log.info("refused", code=error.code)
    if isinstance(error, FetchError):
        return _answer(400, {"error": f"Download failed. {error.sentence}", "code": error.code})
    if isinstance(error, InferenceFailed):
        return _answer(500, {"error": error.sentence})
    if isinstance(error, StartupError):  # its sentence may hold a path
        log.error("cannot start", reason=error.sentence, remedy=error.remedy)
        return _answer(500, {"error": "The function is not set up.", "code": error.code})
    # A bucket that is not there is our fault, whatever HTTP calls it.
    ours = error.status >= 500 or isinstance(error, CloudError)
    return _answer(500 if ours else error.status, {"error": error.sentence, "code": error.code})


def _answer(status: int, body: Answer) -> Answer:
    headers = {"Content-Type": "application/json", "Cache-Control": "no-store"}
    return {"statusCode": status, "headers": headers, "body": json.dumps(body)}
