"""The shapes that answers of all routes share, and those of the probes."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

Json = dict[str, Any]
REQUEST_ID = "6f1c0e1b9d5c4f7e8a2b3c4d5e6f7a8b"  # of examples


class Failure(BaseModel):
    """A contract's own shape of a failure."""

    @staticmethod
    def shown(code: str, sentence: str) -> Json:
        """An example of it for one of our errors."""
        raise NotImplementedError


class ErrorAnswer(Failure):
    """Every failure of our own routes."""

    error: str = Field(description="one sentence for people")
    code: str = Field(description="for programs")
    request_id: str

    @staticmethod
    def shown(code: str, sentence: str) -> Json:
        """An example."""
        return {"error": sentence, "code": code, "request_id": REQUEST_ID}


class Answer(BaseModel):
    """What every answer of our own routes begins with."""

    request_id: str


class Model(BaseModel):
    """A model and its version."""

    name: str
    version: str


class LicenceEnd(BaseModel):
    """When the first of the licences that still hold ends; empty when none ever does."""

    ends_at: str | None = None
    days_left: float | None = None


class Health(BaseModel):
    """The process, as long as it lives."""

    status: Literal["ok"]
    version: str
    pid: int
    python: str
    started_at: str
    uptime_s: float
    models: list[Model]
    licence: LicenceEnd


class StoreState(BaseModel):
    """The store as it was last seen."""

    kind: str
    reachable: bool
    spool_pending: int
    server: str | None = None  # what a cache container of ours says that it runs


class Readiness(BaseModel):
    """Whether this worker judges images."""

    state: Literal["starting", "ready", "degraded", "failed"]
    models: list[Model]
    self_test: Literal["passed", "pending", "failed"]
    notices: list[str]
    store: StoreState
