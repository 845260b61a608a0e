"""Settings of the server, and of what it accepts."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, Field, field_validator
from pydantic_settings import NoDecode

from service.runtime.proxies import Proxies
from service.settings.kinds import DAY, Count, Names, SomeSeconds, Wait

Format = Literal["JPEG", "PNG", "WEBP", "BMP", "TIFF", "HEIF", "AVIF"]
ALSO = {"JPG": "JPEG", "TIF": "TIFF", "HEIC": "HEIF"}  # other names of formats


class ServingSettings(BaseModel):
    """Settings of the server."""

    host: str = Field("127.0.0.1", description="address to listen on, IPv4 or IPv6")
    port: int = Field(5001, ge=1, le=65535, description="port to listen on")
    health_port: int = Field(
        0, ge=0, le=65535, description="port on which probes alone are answered, too; 0: none"
    )
    workers: Count = Field(0, description="gunicorn workers; 0: as many as usable cores")
    slots: int = Field(2, ge=1, description="images judged at the same time in one worker")
    queue_depth: Count = Field(8, description="requests that may wait in one worker before 503")
    queue_timeout: Wait = Field(10.0, description="seconds a request may wait before 503")
    graceful_timeout: int = Field(
        30, ge=1, le=int(DAY), description="seconds to finish requests on SIGTERM"
    )
    client_timeout: float = Field(
        10.0,
        gt=0,
        le=DAY,
        description="seconds for a client to send its headers, and to go on reading and sending",
    )
    trusted_proxies: Names = Field(
        (),
        description="addresses or networks of proxies whose X-Forwarded-For counts, comma list",
    )
    address_connections: int = Field(
        128, ge=1, description="connections of one address to one worker; beyond, the slowest goes"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="log level")
    data_dir: Path = Field(Path("data"), description="the only folder that is written to")

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
        """The address at which probes alone are answered; None where there is none."""
        return f"{_bracketed(self.host)}:{self.health_port}" if self.health_port else None

    def local_url(self) -> str:
        """The URL at which this machine reaches the service."""
        every = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 (what to ask, not to bind)
        return f"http://{_bracketed(every.get(self.host, self.host))}:{self.port}"

    def is_local(self) -> bool:
        """Whether only this machine reaches the service."""
        return self.host == "localhost" or is_loopback(self.host)


class AcceptingSettings(BaseModel):
    """What is accepted."""

    max_body_bytes: int = Field(16 * 2**20, ge=1024, description="largest request body in bytes")
    max_pixels: int = Field(
        64_000_000,
        ge=1,
        description="largest image in pixels; fewer where its format takes more memory to decode",
    )
    max_seconds: SomeSeconds = Field(600.0, description="longest video or recording in seconds")
    sync_seconds: SomeSeconds = Field(
        60.0,
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
    fetch_timeout: Wait = Field(10.0, description="seconds that fetching an address may take")
    fetch_slots: int = Field(
        4, ge=1, description="addresses fetched at the same time in one worker; beyond: 503"
    )
    fetch_allow: Names = Field(
        (),
        description="hosts, addresses or networks that may be fetched from though they are not"
        " public, comma list",
    )

    @field_validator("formats", mode="before")
    @classmethod
    def _named(cls, value: object) -> object:
        """A comma list of formats in any case."""
        if isinstance(value, str):
            names = [part.strip().upper() for part in value.split(",") if part.strip()]
            return [ALSO.get(name, name) for name in names]
        return value


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def is_loopback(host: str) -> bool:
    """Whether an address is this machine's own."""
    try:
        return ip_address(host).is_loopback
    except ValueError:  # a name
        return False
