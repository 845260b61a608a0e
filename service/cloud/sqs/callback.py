"""Post results to the address that a message names: signed, guarded, retried."""

from __future__ import annotations

import hashlib
import hmac
import threading
import time
from typing import Any

import orjson

from service.judging.callbacks import Poster
from service.settings import Settings


class Callback:
    """Safe for threads. `stop` ends the waiting between attempts."""

    def __init__(self, settings: Settings, stop: threading.Event) -> None:
        self._secret = settings.secret("callback_secret")
        self._poster = Poster(settings, stop)

    def post(self, url: str, result: dict[str, Any], key: str) -> None:
        """Return when it was accepted; `key` is the same however often a result is posted.

        Raises AddressRefused, CallbackRefused, or CallbackUnavailable after the last attempt.
        """
        body = orjson.dumps(result)
        self._poster.post(url, body, lambda: self._headers(body, key))

    def _headers(self, body: bytes, key: str) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "Idempotency-Key": key}
        if self._secret:
            headers["X-Facegate-Signature"] = signature(self._secret, body, int(time.time()))
        return headers


def signature(secret: str, body: bytes, seconds: int) -> str:
    """`t=SECONDS,v1=HEX`: HMAC-SHA256 of `SECONDS.BODY`; the time keeps old posts from replay."""
    mac = hmac.new(secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256)
    return f"t={seconds},v1={mac.hexdigest()}"
