"""`aws_config.json`: where credentials may lie, and what becomes of downloaded files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError

from service.errors import StartupError
from service.runtime.files import replace_file

DEFAULT = Path("aws_config.json")
Optional = Annotated[str | None, BeforeValidator(lambda value: value or None)]
Secret = Annotated[SecretStr | None, BeforeValidator(lambda value: value or None)]
Folder = Annotated[Path | None, BeforeValidator(lambda value: value or None)]


class Section(BaseModel):
    """Empty texts, as in the template, count as absent; an unknown name is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Aws(Section):
    access_key_id: Optional = None
    secret_access_key: Secret = None
    region: Optional = None
    session_token: Secret = None


class Data(Section):
    temp_dir: Folder = None
    s3_cache_dir: Folder = None
    cleanup_temp_files: bool = True


class Logging(Section):
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_to_console: bool = True

    @property
    def in_force(self) -> str:
        """Without a console only errors are told, for a consumer has nowhere else to write."""
        return self.level if self.log_to_console else "ERROR"


class CloudConfig(Section):
    """The whole file."""

    aws: Aws = Field(default_factory=Aws)
    data: Data = Field(default_factory=Data)
    logging: Logging = Field(default_factory=Logging)


def load_config(path: Path | None = None) -> CloudConfig:
    """The file, or nothing but defaults when none is named and `aws_config.json` is not there.

    Raises StartupError with one sentence that names no value.
    """
    if path is None and not DEFAULT.exists():
        return CloudConfig()
    try:
        return CloudConfig.model_validate(json.loads((path or DEFAULT).read_text()))
    except (OSError, ValueError) as error:
        raise StartupError(
            f"The AWS configuration {path or DEFAULT} is unusable: {_why(error)}.",
            "Compare it with deploy/aws/aws_config.template.json, or run `facegate aws setup`.",
        ) from None


def save_config(config: CloudConfig, path: Path) -> None:
    """Write it so that only this user reads it. Raises StartupError."""
    body = config.model_dump(mode="json")
    for name in ("secret_access_key", "session_token"):
        secret = getattr(config.aws, name)
        body["aws"][name] = secret.get_secret_value() if secret else ""
    try:
        replace_file(path, json.dumps(body, indent=2).encode(), private=True)
    except OSError as error:
        raise StartupError(
            f"The AWS configuration {path} cannot be written: {error.strerror}.",
            "Name another file with --config.",
        ) from None


def _why(error: OSError | ValueError) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_input=False, include_context=False)[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return str(getattr(error, "strerror", None) or "it is not JSON")
