"""Settings of what is remembered: results, jobs, evidence."""

from __future__ import annotations

import socket
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import AliasChoices, BaseModel, Field, SecretStr

from service.settings.kinds import DAY, Seconds, SomeSeconds, Wait


class StoreSettings(BaseModel):
    """The store of licences and results."""

    store: Literal["auto", "mongo", "sqlite", "null"] = Field(
        "auto", description="where state lives; auto: MongoDB when one is configured or linked"
    )
    mongodb_uri: SecretStr | None = Field(
        None,
        validation_alias=AliasChoices("FACEGATE_MONGODB_URI", "MONGODB_URI"),
        description="MongoDB connection string",
    )
    mongodb_user: str | None = Field(
        None,
        validation_alias=AliasChoices(
            "FACEGATE_MONGODB_USER", "MONGODB_USER", "MONGODB_LOCAL_ENV_USER"
        ),
        description="user of the linked MongoDB container",
    )
    mongodb_pass: SecretStr | None = Field(
        None,
        validation_alias=AliasChoices(
            "FACEGATE_MONGODB_PASS", "MONGODB_PASS", "MONGODB_LOCAL_ENV_PASS"
        ),
        description="password of the linked MongoDB container",
    )
    mongodb_pass_file: Path | None = Field(None, description="file that holds that password")
    mongodb_host: str = Field("mongodb-local:27017", description="host of the linked container")
    mongodb_database: str = Field("facegate", description="name of the database")
    store_timeout: Wait = Field(
        0.25, description="seconds a store call may take; a command allows it five at least"
    )
    store_retry: Wait = Field(1.0, description="seconds between probes of a store that is away")
    result_ttl: Seconds = Field(30 * 86400, description="seconds a result is kept")
    store_images: bool = Field(
        False,
        validation_alias=AliasChoices("FACEGATE_STORE_IMAGES", "STORE_IMAGES"),
        description="keep the image's bytes beside the result",
    )

    def store_kind(self) -> Literal["mongo", "sqlite", "null"]:
        """The store to use, `auto` resolved."""
        if self.store != "auto":
            return self.store
        return "mongo" if self._mongo_is_configured() else "sqlite"

    def _mongo_is_configured(self) -> bool:
        return bool(self.mongodb_uri or self.mongodb_user) or _resolves(self.mongodb_host)


class JobSettings(BaseModel):
    """What is judged later."""

    max_job_bytes: int = Field(
        256 * 2**20,
        ge=1024,
        description="largest medium of a job in bytes; one beyond FACEGATE_MAX_BODY_BYTES needs its"
        " hash_id in a header",
    )
    max_jobs: int = Field(200, ge=1, description="unfinished jobs in all; beyond: 503")
    max_jobs_per_licence: int = Field(
        20, ge=1, description="unfinished jobs of one licence; beyond: 429"
    )
    job_spool_bytes: int = Field(
        2**30, ge=1024, description="bytes that the media of all unfinished jobs may hold"
    )
    job_lease: SomeSeconds = Field(
        30.0, description="seconds after which the job of a dead worker is taken again"
    )
    job_attempts: int = Field(3, ge=1, description="times a job is begun before it has failed")
    job_ttl: SomeSeconds = Field(86400.0, description="seconds a job is kept")


class EvidenceSettings(BaseModel):
    """The audit log, challenges and signed answers."""

    audit: Literal["off", "best-effort", "required"] = Field(
        "off",
        description="the audit log; required: no judgement leaves without its entry",
    )
    audit_key: SecretStr | None = Field(
        None, description="key of the audit log, base64; none: made once in the data folder"
    )
    audit_key_file: Path | None = Field(None, description="file that holds that key")
    audit_checkpoint: SomeSeconds = Field(
        600.0, description="seconds between two signed checkpoints of a worker"
    )

    sessions: Literal["offered", "required"] = Field(
        "offered",
        description="required: nothing is judged without a challenge of POST /v1/sessions",
    )
    session_ttl: float = Field(
        120.0, gt=0, le=DAY, description="seconds within which a challenge must come back"
    )
    sign: bool = Field(
        False, description="sign every answer, in the headers Facegate-Signature and -Statement"
    )
    signing_keys: SecretStr | None = Field(
        None,
        description="keys that sign answers, a JSON Web Key set whose first key signs; none: made"
        " once in the data folder",
    )
    signing_keys_file: Path | None = Field(None, description="file that holds these keys")


@cache
def _resolves(host: str) -> bool:
    """Whether a linked container's name is known; a link shows itself in no other way."""
    try:
        socket.getaddrinfo(host.partition(":")[0], None)
    except OSError:
        return False
    return True
