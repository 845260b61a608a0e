"""Every setting once: name, type, default, one line of help. The environment is read only here.

A setting `xyz` is the environment variable `FACEGATE_XYZ`, or the file named by `FACEGATE_XYZ_FILE`
where the value is a secret; an empty one means the default. The few other names that are read are
listed as aliases.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal, get_origin

from pydantic import PrivateAttr, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from service.errors import StartupError
from service.runtime.secrets import read_secret
from service.settings.callers import CloudSettings, ConsoleSettings, LicenceSettings, UserSettings
from service.settings.environment import Environment
from service.settings.judging import JudgingSettings, ProvenanceSettings
from service.settings.kinds import PACKAGE
from service.settings.operating_point import OPERATING_POINT, applied_bpcer, apply_bpcer
from service.settings.remembering import EvidenceSettings, JobSettings, StoreSettings
from service.settings.serving import AcceptingSettings, Format, ServingSettings, is_loopback

__all__ = [
    "OPERATING_POINT",
    "PACKAGE",
    "STARTED_WITH",
    "Format",
    "Settings",
    "applied_bpcer",
    "apply_bpcer",
    "is_loopback",
    "load_settings",
]
STARTED_WITH = "FACEGATE_STARTED_WITH_BPCER"  # from `serve` to its workers


# pydantic lists the fields of the last base first.
class Settings(
    LicenceSettings,
    ConsoleSettings,
    UserSettings,
    CloudSettings,
    ProvenanceSettings,
    EvidenceSettings,
    JobSettings,
    StoreSettings,
    JudgingSettings,
    AcceptingSettings,
    ServingSettings,
    BaseSettings,
):
    """All settings of one process; frozen, so that nothing changes under a request."""

    model_config = SettingsConfigDict(
        env_prefix="FACEGATE_",
        env_ignore_empty=True,  # as an env file or `${X:-}` leaves it: the default, never "nothing"
        frozen=True,
        extra="ignore",
        allow_inf_nan=False,
        populate_by_name=True,
    )

    _applied: bool = PrivateAttr(False)  # whether the BPCER is one that was applied in the console

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        *_: Any,
        **__: Any,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What code says counts, then the environment; nothing else is read."""
        return init_settings, Environment(settings_cls)

    @field_validator("*", mode="before")
    @classmethod
    def _in_any_case(cls, value: object, info: ValidationInfo) -> object:
        """`INFO` is `info` where there is a choice of words, all of which are small."""
        annotation = cls.model_fields[str(info.field_name)].annotation
        return (
            value.lower() if isinstance(value, str) and get_origin(annotation) is Literal else value
        )

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
        """The folder of heads and calibration of a task, fitted to an operator's own images."""
        return self.data_dir if task == "deepfake" else self.data_dir / task

    def calibration_file(self, task: str = "deepfake") -> Path:
        """The file of a calibration, if there is one; the setting names that of deepfakes."""
        named = self.calibration if task == "deepfake" else None
        return named or self.fitted_dir(task) / "calibration.json"


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


def _refusal(error: ErrorDetails) -> str:
    """With the value that was given, unless it is a secret: blanks and quotes hide in it."""
    name = str(error["loc"][0]).lower().removeprefix("facegate_")
    told = f"The setting FACEGATE_{name.upper()} is unusable: {error['msg']}"
    field = Settings.model_fields.get(name)
    if field is None or field.annotation == SecretStr | None or not isinstance(error["input"], str):
        return f"{told}."
    return f"{told} (given: {error['input'][:80]!r})."


def load_settings() -> Settings:
    """Settings from the environment.

    Raises StartupError with one sentence when a value is unusable, or a secret's file unreadable.
    """
    try:
        settings = Settings()
    except ValidationError as error:
        raise StartupError(
            _refusal(error.errors()[0]),
            "Correct it or unset it; `facegate settings` lists them all.",
        ) from None
    settings.check_secrets()
    return _with_operating_point(settings)
