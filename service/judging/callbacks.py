"""Posts the end of a job to the address that its owner named: signed, guarded, retried.

The signature is that of Standard Webhooks (https://www.standardwebhooks.com). Each licence has a
secret of its own, so that no customer can sign what another one receives.
"""

from __future__ import annotations

import base64
import hmac
import threading
from collections.abc import Callable
from datetime import UTC, datetime

from standardwebhooks import Webhook
from tenacity import (
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    stop_when_event_set,
    wait_random_exponential,
)
from tenacity.nap import sleep_using_event

from service.errors import AddressRefused, CallbackRefused, CallbackUnavailable, FetchError
from service.licensing.digest import digest_key
from service.media.fetching import Fetcher
from service.runtime import metrics
from service.settings import Settings

EVERYWHERE = ("0.0.0.0/0", "::/0")
AGAIN = frozenset({408, 425, 429})
Headers = Callable[[], dict[str, str]]


def callback_fetcher(settings: Settings) -> Fetcher:
    """One with the limits of callbacks."""
    allow = EVERYWHERE if settings.allow_private_callbacks else settings.fetch_allow
    changes = {"fetch_allow": allow, "fetch_timeout": settings.callback_timeout}
    return Fetcher(settings.model_copy(update=changes))


class Poster:
    """Posts until an address accepts, or the attempts are used up. Safe for threads."""

    def __init__(self, settings: Settings, stop: threading.Event) -> None:
        """stop: ends the waiting between attempts."""
        self._fetcher = callback_fetcher(settings)
        self._attempts, self._stop = settings.callback_attempts, stop

    def post(self, url: str, body: bytes, headers: Headers) -> None:
        """Return when it was accepted; `headers` is asked before each attempt.

        Raises AddressRefused, CallbackRefused, or CallbackUnavailable after the last attempt.
        """
        attempts = Retrying(
            retry=retry_if_exception_type(CallbackUnavailable),
            stop=stop_after_attempt(self._attempts) | stop_when_event_set(self._stop),
            wait=wait_random_exponential(multiplier=1, max=30),
            sleep=sleep_using_event(self._stop),
            reraise=True,
        )
        attempts(self._attempt, url, body, headers)

    def _attempt(self, url: str, body: bytes, headers: Headers) -> None:
        status = self._status(url, body, headers())
        if 200 <= status < 300:
            metrics.CALLBACKS.labels("accepted").inc()
        elif status and status < 500 and status not in AGAIN:
            metrics.CALLBACKS.labels("refused").inc()
            raise CallbackRefused(f"The callback address answered with status {status}.")
        else:
            metrics.CALLBACKS.labels("unavailable").inc()
            raise CallbackUnavailable

    def _status(self, url: str, body: bytes, headers: dict[str, str]) -> int:
        """0 when there was no answer."""
        try:
            return self._fetcher.post(url, body, headers)
        except FetchError as error:
            if not error.permanent:
                return 0
            metrics.CALLBACKS.labels("forbidden").inc()
            raise AddressRefused(error.sentence) from None


class Secrets:
    """The secret of each licence, made of one key. Raises StartupError where that is unusable."""

    def __init__(self, settings: Settings) -> None:
        given = settings.secret("callback_secret")
        self._key = given.encode() if given else digest_key(settings)

    def of(self, owner: str) -> str:
        """As the libraries of Standard Webhooks take it."""
        secret = hmac.digest(self._key, b"callbacks of " + owner.encode(), "sha256")
        return "whsec_" + base64.b64encode(secret).decode()

    def headers(self, owner: str, event: str, body: bytes) -> dict[str, str]:
        """What proves to the licence's holder that the body is ours, and of this moment."""
        now = datetime.now(UTC)
        return {
            "Content-Type": "application/json",
            "webhook-id": event,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(self.of(owner)).sign(event, now, body.decode()),
        }
