"""Post results to the address that a message names: signed, guarded, retried."""

from __future__ import annotations

import hashlib
import hmac
import random
import threading
import time
from typing import Any

import orjson

from service.errors import (
    AddressRefused,
    CallbackRefused,
    CallbackUnavailable,
    FetchError,
)
from service.media.fetching import Fetcher
from service.runtime import metrics
from service.settings import Settings

EVERYWHERE = ("0.0.0.0/0", "::/0")
AGAIN = frozenset({408, 425, 429})


class Callback:
    """Safe for threads. `stop` ends the waiting between attempts."""

    def __init__(self, settings: Settings, stop: threading.Event) -> None:
        self._secret = settings.secret("callback_secret")
        self._attempts = settings.callback_attempts
        self._stop = stop
        allow = EVERYWHERE if settings.allow_private_callbacks else settings.fetch_allow
        changes = {"fetch_allow": allow, "fetch_timeout": settings.callback_timeout}
        self._fetcher = Fetcher(settings.model_copy(update=changes))

    def post(self, url: str, result: dict[str, Any], key: str) -> None:
        """Return when it was accepted; `key` is the same however often a result is posted.

        Raises AddressRefused, CallbackRefused, or CallbackUnavailable after the last attempt.
        """
        body = orjson.dumps(result)
        for attempt in range(self._attempts):
            if attempt and self._stop.wait(2 ** (attempt - 1) * random.uniform(0.5, 1)):  # noqa: S311
                break
            status = self._status(url, body, key)
            if 200 <= status < 300:
                metrics.CALLBACKS.labels("accepted").inc()
                return
            if status < 500 and status not in AGAIN and status:
                metrics.CALLBACKS.labels("refused").inc()
                raise CallbackRefused(f"The callback address answered with status {status}.")
            metrics.CALLBACKS.labels("unavailable").inc()
        raise CallbackUnavailable

    def _status(self, url: str, body: bytes, key: str) -> int:
        """0 when there was no answer."""
        try:
            return self._fetcher.post(url, body, self._headers(body, key))
        except FetchError as error:
            if not error.permanent:
                return 0
            metrics.CALLBACKS.labels("forbidden").inc()
            raise AddressRefused(error.sentence) from None

    def _headers(self, body: bytes, key: str) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "Idempotency-Key": key}
        if self._secret:
            headers["X-Facegate-Signature"] = signature(self._secret, body, int(time.time()))
        return headers


def signature(secret: str, body: bytes, seconds: int) -> str:
    """`t=SECONDS,v1=HEX`: HMAC-SHA256 of `SECONDS.BODY`; the time keeps old posts from replay."""
    mac = hmac.new(secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256)
    return f"t={seconds},v1={mac.hexdigest()}"
