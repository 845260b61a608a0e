"""Check whether the service's address is free, and what listens there."""

from __future__ import annotations

import socket

from service.settings import Settings


def obstacle(settings: Settings) -> str | None:
    """Why nothing can listen there; None where something can."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((settings.host, settings.port))
    except OSError as error:
        return f"Cannot listen on {settings.listens_on()}: {error.strerror}."
    except UnicodeError:
        return f"Cannot listen on {settings.listens_on()}: this is no address."
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
