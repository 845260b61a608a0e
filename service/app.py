"""`create_app`: wiring only, no logic."""

from __future__ import annotations

from flask import Flask

from service import logs
from service.accounts import Accounts
from service.api import (
    analyze,
    batch,
    body,
    check,
    errors,
    gateway,
    health,
    liveness,
    model_card,
    openapi,
    reply,
    results,
    sagemaker,
    telemetry,
)
from service.api.context import Services
from service.api.gateway.caller import gateway_licence
from service.engine import Engine
from service.fetching import Fetcher
from service.gate import Gate
from service.housekeeping import Housekeeping
from service.judging import Judge
from service.licensing import Licensing
from service.metrics import StoreObserver
from service.settings import Settings, load_settings
from service.store import open_store


def create_app(settings: Settings | None = None) -> Flask:
    """A WSGI app. Opens nothing native: that waits for `start` in the worker, after the fork.

    Raises StartupError when a setting is unusable.
    """
    settings = settings or load_settings()
    logs.configure(settings.log_level)
    app = Flask("service", static_folder=None)
    body.install(app, settings.max_body_bytes)
    services = _services(settings)
    app.extensions["facegate"] = services
    housekeeping = Housekeeping(services.store, services.licensing)
    app.extensions["facegate-housekeeping"] = housekeeping
    # gunicorn's hook starts both; under any other server the first request does.
    for start in (services.engine.start, housekeeping.start):
        app.before_request(start)
    telemetry.install(app)
    reply.install(app)
    errors.install(app)
    for module in (
        liveness,
        check,
        gateway,
        sagemaker,
        analyze,
        batch,
        results,
        model_card,
        health,
        openapi,
    ):
        app.register_blueprint(module.blueprint)
    return app


def _services(settings: Settings) -> Services:
    store = open_store(settings, StoreObserver())
    engine = Engine(settings)
    gate = Gate(settings.slots, settings.queue_depth, settings.queue_timeout)
    return Services(
        settings=settings,
        engine=engine,
        licensing=Licensing(settings, store),
        store=store,
        judge=Judge(settings, engine, store, gate),
        fetcher=Fetcher(settings),
        accounts=Accounts(settings, store),
        gateway_licence=gateway_licence(settings),
    )
