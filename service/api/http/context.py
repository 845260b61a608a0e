"""What a route needs: the services of this app, and the id of this request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from flask import current_app, g, request

from service.accounts import Accounts, People
from service.audit import AuditLog
from service.judging.callbacks import Secrets
from service.judging.jobs import Jobs
from service.judging.judge import Judge
from service.judging.loader import Loader
from service.licensing import Licensing
from service.licensing.challenges import Challenges
from service.media.fetching import Fetcher
from service.runtime.proxies import Proxies, counted_as
from service.settings import Settings
from service.signing import SigningKeys
from service.store.base import Store
from service.store.search import Search


@dataclass(frozen=True)
class Services:
    """Wired once by `create_app`."""

    settings: Settings
    loader: Loader
    licensing: Licensing
    store: Store
    judge: Judge
    fetcher: Fetcher
    accounts: Accounts
    people: People
    jobs: Jobs
    secrets: Secrets  # that sign callbacks
    audit: AuditLog
    signing: SigningKeys
    challenges: Challenges
    proxies: Proxies
    results: Search  # that the console shows
    gateway_licence: str | None  # a hash_id
    sagemaker_hash_id: str | None


def services() -> Services:
    """The services of the current app."""
    return cast(Services, current_app.extensions["facegate"])


def client_address() -> str:
    """Whose request this is, as trusted proxies say; what attempts are counted by."""
    forwarded = request.headers.get("X-Forwarded-For", "")
    return counted_as(services().proxies.client(request.remote_addr or "", forwarded))


def request_id() -> str:
    """The id that joins this request's answer and its log line."""
    return cast(str, g.request_id)
