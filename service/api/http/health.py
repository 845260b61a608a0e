"""Probes for liveness, readiness and metrics; none waits for inference."""

from __future__ import annotations

import os
import platform
import threading
import time
from typing import Literal, cast

from flask import Blueprint, Response, current_app
from flask.blueprints import BlueprintSetupState
from prometheus_client import CONTENT_TYPE_LATEST

from service import __version__
from service.api.http.context import services
from service.api.http.reply import json_reply
from service.api.http.schemas import Health, LicenceEnd, Model, Readiness, StoreState
from service.api.v1.render import iso
from service.errors import StoreUnavailable, Unavailable
from service.runtime import metrics
from service.store.base import Store

blueprint = Blueprint("health", __name__)
STARTED = time.time()
FRESH = 3.0  # seconds
DAY = 86400.0
SELF_TEST: dict[str, Literal["passed", "pending", "failed"]] = {
    "ready": "passed",
    "starting": "pending",
    "failed": "failed",
}


class Pulse:
    """Whether the store answers: asked again every few seconds, by one request at a time."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._asked = -FRESH
        self._answered = True

    def reachable(self) -> bool:
        """Whether the store answered when last asked; nobody waits for the request that asks."""
        if time.monotonic() - self._asked >= FRESH and self._lock.acquire(blocking=False):
            try:
                self._answered = self._ask()
                self._asked = time.monotonic()
            finally:
                self._lock.release()
        return self._answered

    def _ask(self) -> bool:
        try:
            self._store.ping()
        except StoreUnavailable:
            return False
        return True


@blueprint.record_once
def _watch(state: BlueprintSetupState) -> None:
    state.app.extensions["facegate-pulse"] = Pulse(state.app.extensions["facegate"].store)


@blueprint.get("/healthz")
def healthz() -> Response:
    """The process: 200 as long as it lives."""
    return json_reply(
        Health(
            status="ok",
            version=__version__,
            pid=os.getpid(),
            python=platform.python_version(),
            started_at=iso(STARTED),
            uptime_s=round(time.time() - STARTED, 1),
            models=_models(),
            licence=_licence_end(),
        )
    )


@blueprint.get("/readyz")
def readyz() -> Response:
    """Whether this worker judges images: 200 when ready or degraded, 503 otherwise.

    Ready is said for all workers at once: the next request may be answered by another one.
    """
    return json_reply(readiness(), 200 if services().loader.state == "ready" else 503)


def readiness() -> Readiness:
    """How this worker and its store are."""
    loader, store = services().loader.state, _store_state()
    sound = store.reachable and not store.spool_pending and metrics.everyone_has_the_store()
    return Readiness(
        state="degraded" if loader == "ready" and not sound else loader,
        models=_models(),
        self_test=SELF_TEST[loader],
        notices=_notices(),
        store=store,
    )


@blueprint.get("/metrics")
def prometheus() -> Response:
    """Counts of all workers, in Prometheus' text format."""
    return Response(metrics.exposition(), content_type=CONTENT_TYPE_LATEST)


def _store_state() -> StoreState:
    store = services().store
    pulse = cast(Pulse, current_app.extensions["facegate-pulse"])
    # Only the resilient store keeps writes aside.
    pending = getattr(store, "pending", lambda: 0)()
    return StoreState(
        kind=store.kind,
        reachable=pulse.reachable(),
        spool_pending=pending,
        server=getattr(store, "server", None),
    )


def _models() -> list[Model]:
    try:
        loaded = services().loader.models
    except Unavailable:
        return []
    return [Model(name=one.name, version=one.version) for one in loaded]


def _notices() -> list[str]:
    ours = [*services().licensing.notices(), *getattr(services().store, "notices", list)()]
    try:
        return [*services().loader.analyzer.notices, *ours]
    except Unavailable:
        return ours


def _licence_end() -> LicenceEnd:
    end = services().licensing.status().earliest_end
    if end is None:
        return LicenceEnd()
    return LicenceEnd(ends_at=iso(end), days_left=round((end - time.time()) / DAY, 2))
