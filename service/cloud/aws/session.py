"""AWS credentials from five sources in a fixed order, and clients that many threads share.

The first way that gives a key pair wins: config file, environment, arguments, profile, role.
The region is found in the same order, on its own.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, field
from typing import Any, Literal

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError
from pydantic import SecretStr

from service.cloud.aws.config import CloudConfig
from service.cloud.aws.failures import failures_told
from service.errors import NoCredentials

Way = Literal["config file", "environment", "arguments", "profile", "role"]
NET = Config(connect_timeout=5, read_timeout=30, max_pool_connections=32)


@dataclass(frozen=True)
class Given:
    """What the command line says."""

    access_key_id: str | None = None
    secret_access_key: SecretStr | None = None
    region: str | None = None


@dataclass(frozen=True)
class Keys:
    """A key pair, never shown."""

    id: str
    secret: str = field(repr=False)
    token: str | None = field(default=None, repr=False)


class Cloud:
    """One identity; makes each client once."""

    def __init__(self, config: CloudConfig | None = None, given: Given | None = None) -> None:
        config, given = config or CloudConfig(), given or Given()
        self.config = config
        ways = _ways(config, given)
        self._way: Way | None = next(iter(ways), None)
        keys = ways[self._way] if self._way else None
        region = config.aws.region or _env("AWS_REGION", "AWS_DEFAULT_REGION") or given.region
        self.overruled = "arguments" in ways and self._way != "arguments"
        with failures_told():
            self._session = boto3.Session(region_name=region, **_arguments(keys))
        self._clients: dict[tuple[str, str | None], Any] = {}
        self._lock = threading.Lock()

    @property
    def region(self) -> str | None:
        name: str | None = self._session.region_name
        return name

    @property
    def way(self) -> Way:
        """Where the credentials came from. Raises NoCredentials."""
        if self._way is not None:
            return self._way
        try:
            found = self._session.get_credentials()
        except BotoCoreError:
            found = None
        if found is None:
            raise NoCredentials
        named = any(word in found.method for word in ("file", "process", "sso"))
        return "profile" if named else "role"

    @property
    def key_id(self) -> str:
        """The access key's id, which is no secret, cut short. Raises NoCredentials."""
        found = self._session.get_credentials()
        if found is None:
            raise NoCredentials
        return f"{found.access_key[:4]}...{found.access_key[-4:]}"

    def client(self, service: str, region: str | None = None) -> Any:
        """The client of a service, in this or in the session's region."""
        with self._lock:  # boto3's sessions are not made for several threads, its clients are
            if (service, region) not in self._clients:
                with failures_told():
                    made = self._session.client(service, region_name=region, config=NET)
                self._clients[service, region] = made
            return self._clients[service, region]


def _ways(config: CloudConfig, given: Given) -> dict[Way, Keys]:
    """The ways that give a key pair here, best first; boto3 itself knows profiles and roles."""
    aws = config.aws
    found: dict[Way, Keys | None] = {
        "config file": _keys(aws.access_key_id, aws.secret_access_key, aws.session_token),
        "environment": _keys(
            _env("AWS_ACCESS_KEY_ID"),
            _secret(_env("AWS_SECRET_ACCESS_KEY")),
            _secret(_env("AWS_SESSION_TOKEN")),
        ),
        "arguments": _keys(given.access_key_id, given.secret_access_key, None),
    }
    return {way: keys for way, keys in found.items() if keys}


def _keys(key_id: str | None, secret: SecretStr | None, token: SecretStr | None) -> Keys | None:
    if not key_id or secret is None:
        return None
    return Keys(key_id, secret.get_secret_value(), token.get_secret_value() if token else None)


def _arguments(keys: Keys | None) -> dict[str, str | None]:
    if keys is None:
        return {}
    return {
        "aws_access_key_id": keys.id,
        "aws_secret_access_key": keys.secret,
        "aws_session_token": keys.token,
    }


def _env(*names: str) -> str | None:
    """AWS's own variables, which every one of its tools reads; boto3 knows no AWS_REGION."""
    return next((os.environ[name] for name in names if os.environ.get(name)), None)


def _secret(text: str | None) -> SecretStr | None:
    return SecretStr(text) if text else None
