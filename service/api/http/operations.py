"""The probes in the OpenAPI document."""

from __future__ import annotations

from service.api.http.schemas import Health, Readiness
from service.api.openapi.operation import TEXT, Operation, Operations, other, reply

TAG = "Operation"
OPERATIONS: Operations = {
    "GET /healthz": Operation(
        id="healthz", tag=TAG, summary="Does the process live?", gives={200: reply(Health)}
    ),
    "GET /readyz": Operation(
        id="readyz",
        tag=TAG,
        summary="Does this worker judge images?",
        gives={
            200: reply(Readiness, says="ready or degraded"),
            503: reply(Readiness, says="starting or failed"),
        },
    ),
    "GET /metrics": Operation(
        id="metrics",
        tag=TAG,
        summary="Counts of all workers, for Prometheus",
        gives={200: other("Prometheus' text format", "text/plain", TEXT)},
    ),
}
