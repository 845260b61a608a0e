"""Every setting once: name, type, default, one line of help. The environment is read only here.

A setting `xyz` is the environment variable `FACEGATE_XYZ`, or the file named by `FACEGATE_XYZ_FILE`
where the value is a secret; an empty one means the default. The few other names that are read are
listed as aliases.
"""

from __future__ import annotations

import json
import os
import socket
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AliasChoices, Field, PrivateAttr, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from service.errors import Reason, StartupError
from service.runtime.files import replace_file
from service.runtime.proxies import Proxies
from service.runtime.secrets import read_secret

PACKAGE = Path(__file__).parent
OPERATING_POINT = "operating-point.json"  # of the data folder
STARTED_WITH = "FACEGATE_STARTED_WITH_BPCER"  # from `serve` to its workers
Format = Literal["JPEG", "PNG", "WEBP", "BMP", "TIFF", "HEIF", "AVIF"]
ALSO = {"JPG": "JPEG", "TIF": "TIFF", "HEIC": "HEIF"}  # other names of formats
Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Seconds = Annotated[float, Field(ge=0.0)]
Count = Annotated[int, Field(ge=0)]


class Settings(BaseSettings):
    """All settings of one process; frozen, so that nothing changes under a request."""

    model_config = SettingsConfigDict(
        env_prefix="FACEGATE_",
        env_ignore_empty=True,  # as an env file or `${X:-}` leaves it: the default, never "nothing"
        frozen=True,
        extra="ignore",
        populate_by_name=True,
    )

    _applied: bool = PrivateAttr(False)  # whether the BPCER is one that was applied in the console

    # Serving
    host: str = Field("127.0.0.1", description="address to listen on, IPv4 or IPv6")
    port: int = Field(5001, ge=1, le=65535, description="port to listen on")
    health_port: int = Field(
        0, ge=0, le=65535, description="port on which probes alone are answered, too; 0: none"
    )
    workers: Count = Field(0, description="gunicorn workers; 0: as many as usable cores")
    slots: int = Field(2, ge=1, description="images judged at the same time in one worker")
    queue_depth: Count = Field(8, description="requests that may wait in one worker before 503")
    queue_timeout: Seconds = Field(10.0, description="seconds a request may wait before 503")
    graceful_timeout: int = Field(30, ge=1, description="seconds to finish requests on SIGTERM")
    client_timeout: float = Field(
        10.0,
        gt=0,
        description="seconds for a client to send its headers, and to go on reading and sending",
    )
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="addresses or networks of proxies whose X-Forwarded-For counts, comma list",
    )
    address_connections: int = Field(
        128, ge=1, description="connections of one address to one worker; beyond, the slowest goes"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="log level")
    data_dir: Path = Field(Path("data"), description="the only folder that is written to")

    # What is accepted
    max_body_bytes: int = Field(16 * 2**20, ge=1024, description="largest request body in bytes")
    max_pixels: int = Field(
        64_000_000,
        ge=1,
        description="largest image in pixels; fewer where its format takes more memory to decode",
    )
    max_seconds: float = Field(600.0, gt=0, description="longest video or recording in seconds")
    sync_seconds: float = Field(
        60.0,
        gt=0,
        description="longest video or recording in seconds that is judged within a request; longer"
        " ones are jobs",
    )
    max_frame_pixels: int = Field(9_000_000, ge=1, description="largest frame of a video in pixels")
    formats: Annotated[frozenset[Format], NoDecode] = Field(
        frozenset({"JPEG", "PNG"}),
        description="formats that POST /liveness accepts, comma list of JPEG, PNG, WEBP, BMP, TIFF,"
        " HEIF, AVIF; the other routes accept them all",
    )
    max_batch: int = Field(16, ge=1, description="most images in one batch call")
    max_lines: int = Field(1000, ge=1, description="most lines in one batch transform")
    fetch_timeout: Seconds = Field(10.0, description="seconds that fetching an address may take")
    fetch_slots: int = Field(
        4, ge=1, description="addresses fetched at the same time in one worker; beyond: 503"
    )
    fetch_allow: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="hosts, addresses or networks that may be fetched from though they are not"
        " public, comma list",
    )

    # Judging
    models_dir: Path = Field(PACKAGE / "models", description="folder of model folders")
    detectors: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="detectors to run, comma list; empty: every one in the models folder"
    )
    profile: Literal["accurate", "fast"] = Field(
        "accurate", description="run the most accurate detectors, or the fast ones alone"
    )
    fusion: Literal["stacking", "average", "voting", "max"] = Field(
        "stacking",
        description="fusion of detectors; stacking: the trained one, or average where none fits",
    )
    bpcer: float = Field(0.05, gt=0, lt=1, description="BPCER that the threshold stands for")
    calibration: Path | None = Field(
        None,
        description="file of `facegate calibrate`; none: calibration.json of the data folder,"
        " where there is one",
    )
    presentation: Literal["off", "warn", "decide"] = Field(
        "warn",
        description="prints and screens held before the camera: not looked for; found and shown;"
        " or found and deciding",
    )
    multi_face: Literal["worst", "largest", "refuse"] = Field(
        "worst", description="several prominent faces: the worst counts, the largest, or refuse"
    )
    max_faces: int = Field(3, ge=1, description="most faces judged in one image")
    refuse: Annotated[frozenset[Reason], NoDecode] = Field(
        frozenset({Reason.FACE_NOT_FOUND, Reason.FACE_TOO_SMALL}),
        description="reasons that refuse an image, comma list, or `none`; the others only warn",
    )
    min_face: int = Field(48, ge=1, description="FACE_TOO_SMALL below this face width in pixels")
    border_margin: Fraction = Field(
        0.02, description="FACE_CLOSE_TO_BORDER within this fraction of the image's shorter side"
    )
    max_angle: float = Field(
        45.0, ge=0, le=90, description="FACE_ANGLE_TOO_LARGE above these degrees"
    )
    min_sharpness: float = Field(8.0, ge=0, description="IMAGE_TOO_BLURRY below this variance")
    min_brightness: Fraction = Field(
        0.10, description="IMAGE_TOO_DARK below this mean luma of the face"
    )
    max_brightness: Fraction = Field(0.92, description="IMAGE_TOO_BRIGHT above this mean luma")

    # Judging voices
    voice: Literal["off", "advise", "decide"] = Field(
        "advise",
        description="voices in recordings and videos: not judged; judged, but only as advice beside"
        " what decides; or counted in the decision",
    )
    min_speech: Seconds = Field(1.0, description="SPEECH_TOO_SHORT below these seconds of speech")
    min_snr: float = Field(3.0, description="AUDIO_TOO_NOISY below these decibels over the noise")
    max_clipping: Fraction = Field(
        0.01, description="AUDIO_CLIPPED above this share of the speech at its loudest level"
    )

    # Remembering
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
    store_timeout: Seconds = Field(0.25, description="seconds a store call may take")
    store_retry: Seconds = Field(1.0, description="seconds between probes of a store that is away")
    result_ttl: Seconds = Field(30 * 86400, description="seconds a result is kept")
    store_images: bool = Field(
        False,
        validation_alias=AliasChoices("FACEGATE_STORE_IMAGES", "STORE_IMAGES"),
        description="keep the image's bytes beside the result",
    )

    # Jobs
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
    job_lease: float = Field(
        30.0, gt=0, description="seconds after which the job of a dead worker is taken again"
    )
    job_attempts: int = Field(3, ge=1, description="times a job is begun before it has failed")
    job_ttl: float = Field(86400.0, gt=0, description="seconds a job is kept")

    # Evidence
    audit: Literal["off", "best-effort", "required"] = Field(
        "off",
        description="the audit log; required: no judgement leaves without its entry",
    )
    audit_key: SecretStr | None = Field(
        None, description="key of the audit log, base64; none: made once in the data folder"
    )
    audit_key_file: Path | None = Field(None, description="file that holds that key")
    audit_checkpoint: float = Field(
        600.0, gt=0, description="seconds between two signed checkpoints of a worker"
    )

    sessions: Literal["offered", "required"] = Field(
        "offered",
        description="required: nothing is judged without a challenge of POST /v1/sessions",
    )
    session_ttl: float = Field(
        120.0, gt=0, le=86400, description="seconds within which a challenge must come back"
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

    # Provenance
    provenance: Literal["off", "on"] = Field(
        "on", description="whether the bytes of a picture are asked where it comes from"
    )
    provenance_rules: Path = Field(
        PACKAGE / "provenance" / "rules.toml", description="file of provenance rules"
    )
    provenance_flag: Annotated[frozenset[str], NoDecode] = Field(
        frozenset(), description="provenance rules that flag an answer, comma list"
    )
    provenance_refuse: Annotated[frozenset[str], NoDecode] = Field(
        frozenset(), description="provenance rules that refuse a picture, comma list"
    )
    provenance_anchors: Path | None = Field(
        None, description="file of certificates (PEM) whose Content Credentials are trusted"
    )
    provenance_seen: bool = Field(
        False,
        description="keep a keyed perceptual hash of each picture, to tell when it comes again",
    )
    provenance_seen_ttl: float = Field(
        30 * 86400, gt=0, description="seconds that such a hash is kept"
    )
    provenance_key: SecretStr | None = Field(
        None, description="key of these hashes; none: made once in the data folder"
    )
    provenance_key_file: Path | None = Field(None, description="file that holds that key")

    # At the edge of AWS
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
    callback_timeout: Seconds = Field(10.0, description="seconds that one callback may take")
    callback_attempts: int = Field(4, ge=1, description="posts before a callback has to wait")
    allow_private_callbacks: bool = Field(
        False, description="post results to private, loopback and link-local addresses, too"
    )

    # The gateway's users
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

    # The console
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
    console_idle: float = Field(
        1800.0, gt=0, description="seconds after which a session that nobody uses ends"
    )
    console_longest: float = Field(
        12 * 3600.0, gt=0, description="seconds after which every session ends"
    )

    # Licences
    digest_key: SecretStr | None = Field(
        None, description="key of the hash_id digests; none: made once in the data folder"
    )
    digest_key_file: Path | None = Field(None, description="file that holds that key")
    licence_files: Annotated[tuple[Path, ...], NoDecode] = Field(
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

    @field_validator("formats", mode="before")
    @classmethod
    def _named(cls, value: object) -> object:
        """A comma list of formats in any case."""
        if isinstance(value, str):
            names = [part.strip().upper() for part in value.split(",") if part.strip()]
            return [ALSO.get(name, name) for name in names]
        return value

    @field_validator(
        *("detectors", "refuse", "licence_files", "fetch_allow", "trusted_proxies"),
        *("provenance_flag", "provenance_refuse"),
        mode="before",
    )
    @classmethod
    def _split(cls, value: object) -> object:
        """A comma list in the environment; anything else as it is."""
        if isinstance(value, str):
            if value.strip().lower() == "none":
                return []
            return [part.strip() for part in value.split(",") if part.strip()]
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        Proxies(value)
        return value

    @field_validator("host")
    @classmethod
    def _bare(cls, host: str) -> str:
        """`[::1]`, as in an address, is `::1`."""
        return host.strip().removeprefix("[").removesuffix("]")

    def listens_on(self) -> str:
        """`127.0.0.1:5001`, `[::1]:5001`."""
        return f"{_bracketed(self.host)}:{self.port}"

    def probes_on(self) -> str | None:
        """Where probes are answered alone, if anywhere."""
        return f"{_bracketed(self.host)}:{self.health_port}" if self.health_port else None

    def local_url(self) -> str:
        """Where this machine reaches the service."""
        every = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 (what to ask, not to bind)
        return f"http://{_bracketed(every.get(self.host, self.host))}:{self.port}"

    @property
    def bpcer_is_applied(self) -> bool:
        """Whether the BPCER is one that was applied in the console."""
        return self._applied

    @property
    def bpcer_is_given(self) -> bool:
        """Whether the environment says the BPCER, and no console may change it."""
        return "bpcer" in self.model_fields_set and not self._applied

    def console_is_on(self) -> bool:
        """Whether the console is served, `auto` resolved."""
        return self.console == "on" or (self.console == "auto" and self.is_local())

    def is_local(self) -> bool:
        """Whether only this machine reaches the service."""
        return self.host == "localhost" or is_loopback(self.host)

    def secret(self, name: str) -> str | None:
        """A secret's value: as set, or what its file holds; None where neither is given.

        Raises StartupError when the file cannot be read or holds nothing.
        """
        value: SecretStr | None = getattr(self, name)
        if value is not None:
            return value.get_secret_value()
        path: Path | None = getattr(self, f"{name}_file")
        if path is None:
            return None
        # Of a password, blanks may be a part.
        return read_secret(path, f"FACEGATE_{name.upper()}_FILE", blanks=name == "mongodb_pass")

    def check_secrets(self) -> None:
        """Read every secret, for an error is better told at the start. Raises StartupError."""
        for name in type(self).model_fields:
            if name.endswith("_file"):
                self.secret(name.removesuffix("_file"))

    def fitted_dir(self, task: str = "deepfake") -> Path:
        """Where heads and calibration of a task lie, fitted to an operator's own images."""
        return self.data_dir if task == "deepfake" else self.data_dir / task

    def calibration_file(self, task: str = "deepfake") -> Path:
        """Where a calibration would lie; the setting names that of deepfakes."""
        named = self.calibration if task == "deepfake" else None
        return named or self.fitted_dir(task) / "calibration.json"

    def store_kind(self) -> Literal["mongo", "sqlite", "null"]:
        """The store to use, `auto` resolved."""
        if self.store != "auto":
            return self.store
        return "mongo" if self._mongo_is_configured() else "sqlite"

    def _mongo_is_configured(self) -> bool:
        return bool(self.mongodb_uri or self.mongodb_user) or _resolves(self.mongodb_host)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def is_loopback(host: str) -> bool:
    """Whether an address is this machine's own."""
    try:
        return ip_address(host).is_loopback
    except ValueError:  # a name
        return False


@cache
def _resolves(host: str) -> bool:
    """Whether a linked container's name is known; a link shows itself in no other way."""
    try:
        socket.getaddrinfo(host.partition(":")[0], None)
    except OSError:
        return False
    return True


def applied_bpcer(data_dir: Path) -> float | None:
    """The BPCER that was applied in the console. Raises StartupError for an unusable file."""
    path = data_dir / OPERATING_POINT
    try:
        found = json.loads(path.read_text())["bpcer"]
        if 0 < found < 1:
            return float(found)
    except (FileNotFoundError, NotADirectoryError):  # of the folder another check tells
        return None
    except (OSError, ValueError, TypeError, LookupError):
        if not os.access(data_dir, os.X_OK):  # a folder that may not be entered: likewise
            return None
    raise StartupError(
        f"The operating point {path} is unusable.", "Remove the file, or apply one in the console."
    )


def apply_bpcer(data_dir: Path, bpcer: float) -> None:
    """Keep a BPCER for the next start. Raises OSError."""
    replace_file(data_dir / OPERATING_POINT, json.dumps({"bpcer": bpcer}).encode(), durable=True)


def _with_operating_point(settings: Settings) -> Settings:
    """What the environment says counts; a worker takes what the service was started with."""
    if settings.bpcer_is_given:
        return settings
    passed = os.environ.get(STARTED_WITH)
    found = applied_bpcer(settings.data_dir) if passed is None else float(passed or 0)
    if not found:
        return settings
    applied = settings.model_copy(update={"bpcer": found})
    applied._applied = True
    return applied


def load_settings() -> Settings:
    """Settings from the environment.

    Raises StartupError with one sentence when a value is unusable, or a secret's file unreadable.
    """
    try:
        settings = Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]).upper().removeprefix("FACEGATE_")
        raise StartupError(
            f"The setting FACEGATE_{name} is unusable: {first['msg']}.",
            "Correct it or unset it; `facegate settings` lists them all.",
        ) from None
    settings.check_secrets()
    return _with_operating_point(settings)
