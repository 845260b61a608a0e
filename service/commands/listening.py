"""Check whether the service's address is free, and what listens there."""

from __future__ import annotations

import errno
import socket
from typing import NamedTuple

from service.settings import Settings

FREE_IT = "Stop what listens there, or set FACEGATE_HOST and FACEGATE_PORT."


class Obstacle(NamedTuple):
    """Why nothing can listen there, and whether something else does, which may end."""

    why: str
    in_use: bool = False


def obstacle(settings: Settings) -> Obstacle | None:
    """Of the service's address or of the one for probes; None where something can listen."""
    if settings.health_port == settings.port:
        return Obstacle("FACEGATE_HEALTH_PORT is the same as FACEGATE_PORT.")
    if found := _obstacle(settings.host, settings.port, settings.listens_on()):
        return found
    if where := settings.probes_on():
        return _obstacle(settings.host, settings.health_port, where)
    return None


def _obstacle(host: str, port: int, shown: str) -> Obstacle | None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        in_use = error.errno == errno.EADDRINUSE
        return Obstacle(f"Cannot listen on {shown}: {error.strerror}.", in_use)
    except UnicodeError:
        return Obstacle(f"Cannot listen on {shown}: this is no address.")
    return None


def is_ours(settings: Settings) -> bool:
    """Whether Facegate answers there. No proxy is asked: it would not reach this machine."""
    import requests

    try:
        with requests.Session() as session:
            session.trust_env = False
            answer = session.get(f"{settings.local_url()}/status_check", timeout=2)
    except requests.RequestException:
        return False
    return answer.text.startswith("Service is ")
