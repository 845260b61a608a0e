"""Check whether the service's address is free, and what listens there."""

from __future__ import annotations

import errno
import os
import socket

from service.settings import Settings

IN_USE = os.strerror(errno.EADDRINUSE)


def obstacle(settings: Settings) -> str | None:
    """Why nothing can listen there; None where something can."""
    if settings.health_port == settings.port:
        return "FACEGATE_HEALTH_PORT is the same as FACEGATE_PORT."
    if why := _obstacle(settings.host, settings.port, settings.listens_on()):
        return why
    if where := settings.probes_on():
        return _obstacle(settings.host, settings.health_port, where)
    return None


def _obstacle(host: str, port: int, shown: str) -> str | None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        return f"Cannot listen on {shown}: {error.strerror}."
    except UnicodeError:
        return f"Cannot listen on {shown}: this is no address."
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
