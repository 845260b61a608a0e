"""Contract 1 in the OpenAPI document."""

from __future__ import annotations

from service.api.facia.schemas import LivenessAnswer, LivenessBody, LivenessError
from service.api.http.body import JSON
from service.api.openapi.failures import BODY, JUDGING, LICENCE
from service.api.openapi.operation import TEXT, Operation, Operations, other, reply

TAG = "Facia"
EXAMPLE = {
    "deepfake_result": {
        "deepfake_score": 0.233,
        "is_deepfake": 0,
        "message": "Provided image is not deepfake!",
    },
    "status": "Success",
}
OPERATIONS: Operations = {
    "POST /liveness": Operation(
        id="liveness",
        tag=TAG,
        summary="Is this selfie a deepfake? (Facia's contract)",
        takes={JSON: LivenessBody},
        gives={200: reply(LivenessAnswer, example=EXAMPLE)},
        fails=[*BODY, *LICENCE, *JUDGING],
        failure=LivenessError,
    ),
    "GET /status_check": Operation(
        id="statusCheck",
        tag=TAG,
        summary="Is the service live? (Facia's contract)",
        gives={
            200: other("Service is Live.", "text/plain", TEXT),
            503: other("Service is Not Live.", "text/plain", TEXT),
        },
    ),
}
