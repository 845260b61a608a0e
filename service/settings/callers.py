"""Settings of who calls: licences, users, the console, AWS."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, Field, SecretStr

from service.settings.kinds import COMMA_LIST, PACKAGE, Seconds, SomeSeconds, Wait


class CloudSettings(BaseModel):
    """Settings of the Lambda function, SageMaker and callbacks."""

    upload_bucket: str | None = Field(None, description="bucket of the Lambda function's uploads")
    endpoint_name: str | None = Field(None, description="SageMaker endpoint that it asks")
    detections_table: str = Field(
        "DeepfakeDetections", description="DynamoDB table of what the Lambda function found"
    )
    detection_ttl: Seconds = Field(90 * 86400, description="seconds that an item of it is kept")
    sagemaker_hash_id: SecretStr | None = Field(
        None, description="hash_id of SageMaker calls that name none; without it they are refused"
    )
    sagemaker_hash_id_file: Path | None = Field(None, description="file that holds that hash_id")
    callback_secret: SecretStr | None = Field(
        None,
        description="key that signs callbacks; none: those of jobs by the digest key",
    )
    callback_secret_file: Path | None = Field(None, description="file that holds that key")
    callback_timeout: Wait = Field(10.0, description="seconds that one callback may take")
    callback_attempts: int = Field(4, ge=1, description="posts before a callback has to wait")
    allow_private_callbacks: bool = Field(
        False, description="post results to private, loopback and link-local addresses, too"
    )


class UserSettings(BaseModel):
    """The users of the gateway."""

    gateway_licence: SecretStr | None = Field(
        None, description="hash_id that gateway calls without one of their own count on"
    )
    gateway_licence_file: Path | None = Field(None, description="file that holds that hash_id")
    token_key: SecretStr | None = Field(
        None, description="key that signs users' tokens; none: made once in the data folder"
    )
    token_key_file: Path | None = Field(None, description="file that holds that key")
    token_ttl: Seconds = Field(1800.0, description="seconds a user's token holds")
    login_attempts: int = Field(
        10, ge=1, description="attempts at one user from one address in 15 minutes; tenfold in all"
    )


class ConsoleSettings(BaseModel):
    """The console."""

    console: Literal["auto", "on", "off"] = Field(
        "auto",
        description="the console at /console; auto: only where the service listens on this machine"
        " alone",
    )
    console_source: Literal["store", "dynamodb"] = Field(
        "store",
        description="whose results the console shows: the service's own, or those of the Lambda"
        " function's table and bucket",
    )
    console_idle: SomeSeconds = Field(
        1800.0, description="seconds after which a session that nobody uses ends"
    )
    console_longest: SomeSeconds = Field(
        12 * 3600.0, description="seconds after which every session ends"
    )


class LicenceSettings(BaseModel):
    """Licences and their quotas."""

    digest_key: SecretStr | None = Field(
        None, description="key of the hash_id digests; none: made once in the data folder"
    )
    digest_key_file: Path | None = Field(None, description="file that holds that key")
    licence_files: Annotated[tuple[Path, ...], *COMMA_LIST] = Field(
        (), description="signed licence files honoured without a store, comma list"
    )
    vendor_public_key: Path = Field(
        PACKAGE / "licensing" / "vendor.pub",
        description="Ed25519 public key that licences are signed for",
    )
    quota: Literal["lenient", "strict"] = Field(
        "lenient",
        description="a use that cannot be counted, because the store is away or locked, is granted"
        " and counted later, or refused with 503",
    )
    licence_cache: Seconds = Field(
        5.0, description="seconds a licence is trusted before it is looked up"
    )
    licence_grace: Seconds = Field(
        86400.0, description="seconds a known licence is honoured while the store is away"
    )
