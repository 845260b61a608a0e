"""Values as people, env files and orchestrators write them into the environment."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic_settings import EnvSettingsSource

PASSWORDS = ("mongodb_pass", "mongodb_local_env_pass")  # blanks may be a part of these


class Environment(EnvSettingsSource):
    """The environment without the white space around its values: Windows ends the lines of an env
    file with a carriage return, and Kubernetes hands on a secret with the newline of its file."""

    def _load_env_vars(self) -> Mapping[str, str | None]:
        values = super()._load_env_vars().items()
        stripped = ((name, value and _stripped(name, value)) for name, value in values)
        return {name: value for name, value in stripped if value}


def _stripped(name: str, value: str) -> str:
    """As `read_secret` does it for a secret's file."""
    return value.rstrip("\r\n") if name.lower().endswith(PASSWORDS) else value.strip()
