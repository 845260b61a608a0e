"""`create_app`: wiring only, no logic."""

from __future__ import annotations

from flask import Flask

from service import web
from service.accounts import Accounts, People
from service.api import capture, check, facia, gateway, jwks, sagemaker
from service.api.http import body, errors, health, reply, signed, telemetry
from service.api.http.context import Services
from service.api.openapi import document
from service.api.v1 import analyze, batch, jobs, model_card, results, sessions
from service.api.v1.render import job_event
from service.audit import open_audit
from service.judging.callbacks import Secrets, callback_fetcher
from service.judging.housekeeping import Housekeeping
from service.judging.job_runner import JobRunner
from service.judging.jobs import Jobs
from service.judging.judge import Judge
from service.judging.loader import Loader
from service.licensing import Licensing
from service.licensing.challenges import Challenges
from service.media.fetching import Fetcher
from service.runtime import logs
from service.runtime.limits.concurrency import ConcurrencyLimit
from service.runtime.proxies import Proxies
from service.settings import Settings, load_settings
from service.signing import SigningKeys
from service.store import Store, open_store
from service.store.metered import StoreObserver
from service.store.search import Search

ROUTES = (
    *(facia, check, gateway, sagemaker),
    *(analyze, batch, results, jobs, sessions, model_card),
    *(health, jwks, capture, document),
)


def create_app(settings: Settings | None = None) -> Flask:
    """A WSGI app. Opens nothing native: that waits for `start` in the worker, after the fork.

    Raises StartupError when a setting is unusable.
    """
    settings = settings or load_settings()
    logs.configure(settings.log_level)
    app = Flask("service", static_folder=None)
    body.install(app, settings.max_body_bytes)
    _add_services(app, _services(settings))
    telemetry.install(app)
    reply.install(app)
    signed.install(app)
    errors.install(app)
    for module in ROUTES:
        app.register_blueprint(module.blueprint)
    if settings.console_is_on():
        web.install(app)
    return app


def _add_services(app: Flask, services: Services) -> None:
    """Add the services; gunicorn's hook, or else the first request, starts their threads."""
    app.extensions["facegate"] = services
    housekeeping = Housekeeping(services.store, services.licensing)
    app.extensions["facegate-housekeeping"] = housekeeping
    runner = _runner(services)
    services.jobs.announce = runner.wake
    app.extensions["facegate-jobs"] = runner
    for start in (services.loader.start, housekeeping.start, runner.start):
        app.before_request(start)


def _services(settings: Settings) -> Services:
    store = open_store(settings, StoreObserver())
    loader, audit = Loader(settings), open_audit(settings, store)
    limit = ConcurrencyLimit(settings.slots, settings.queue_depth, settings.queue_timeout)
    return Services(
        settings=settings,
        loader=loader,
        licensing=Licensing(settings, store),
        store=store,
        judge=Judge(settings, loader, store, limit, audit),
        fetcher=Fetcher(settings),
        accounts=Accounts(settings, store),
        people=People(settings, store),
        jobs=Jobs(settings, loader, store, callback_fetcher(settings)),
        secrets=Secrets(settings),
        audit=audit,
        signing=_signing(settings),
        challenges=Challenges(settings, store),
        proxies=Proxies(settings.trusted_proxies),
        results=_results(settings, store),
        gateway_licence=settings.secret("gateway_licence"),
        sagemaker_hash_id=settings.secret("sagemaker_hash_id"),
    )


def _signing(settings: Settings) -> SigningKeys:
    """Open the keys that sign answers; where all are signed, missing keys stop the start."""
    keys = SigningKeys(settings)
    if settings.sign:
        keys.current()
    return keys


def _results(settings: Settings, store: Store) -> Search:
    """What the console shows; boto3 takes long to import, and only this source needs it."""
    if settings.console_source == "store":
        return store
    from service.cloud.serverless.search import DetectionSearch

    return DetectionSearch(settings)


def _runner(services: Services) -> JobRunner:
    settings, loader, store = services.settings, services.loader, services.store
    judge = Judge(settings, loader, store, ConcurrencyLimit(1, 0, 0), services.audit)
    return JobRunner(settings, loader, store, judge, job_event)
