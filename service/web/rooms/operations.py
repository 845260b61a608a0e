"""Operations: what the service does, how it is, and what asks for somebody."""

from __future__ import annotations

import time
from dataclasses import dataclass

from service.api.http.context import services
from service.api.http.health import readiness
from service.errors import StoreUnavailable, Unavailable
from service.licensing import windows
from service.runtime import metrics
from service.runtime.machine import usable_cores
from service.store.search import Filter
from service.web import figures, guard, reference
from service.web.comparing import compared
from service.web.pages import door, page
from service.web.patience import within
from service.web.texts import text

blueprint = guard.room("operations", "viewer", "/operations")
door("operations.overview", "viewer", "nav.operations")
DAY, MOST, SOON = 86400.0, 5_000, 30  # seconds, results, days


@dataclass(frozen=True)
class Contract:
    """A licence as operations see it."""

    name: str
    days_left: float | None
    used: int | None
    limit: int | None


@blueprint.get("/")
def overview() -> str:
    """The page at once; its figures come after it, and are renewed every now and then."""
    return page("operations.html")


@blueprint.get("/now")
def now() -> str:
    """The figures alone."""
    return page("operations-now.html", **_figures())


def _figures() -> dict[str, object]:
    day = Filter(since=time.time() - DAY)
    points, whole = within(lambda: services().results.result_points(day, MOST))
    state, contracts = readiness(), _contracts()
    return {
        **{"points": points, "most": MOST, "state": state, "contracts": contracts},
        "whole": whole,
        **{"compared": compared(points, MOST), "needed": reference.NEEDED},
        "hours": figures.by_hour(points),
        "drift": figures.drift(points, _bpcer()),
        "stages": figures.stages(),
        "refusals": figures.refusals(),
        "workers": metrics.ready_workers(),
        "wanted": services().settings.workers or usable_cores(),
        "queue": int(figures.gauge("facegate_queue_depth") or 0),
        "jobs": int(figures.gauge("facegate_jobs_waiting") or 0),
        "alerts": _alerts(state.store.reachable, state.store.spool_pending, contracts)
        + list(state.notices),
    }


def _alerts(reachable: bool, pending: int, contracts: list[Contract]) -> list[str]:
    alerts = [] if reachable else [text("operations.alert_store")]
    if pending:
        alerts.append(text("operations.alert_spool", count=pending))
    if lost := int(figures.gauge("facegate_audit_lost_total") or 0):
        alerts.append(text("operations.alert_audit", count=lost))
    for one in contracts:
        if one.days_left is not None and one.days_left < SOON:
            alerts.append(text("operations.alert_licence", name=one.name, days=int(one.days_left)))
    return alerts


def _contracts() -> list[Contract]:
    store, moment = services().store, time.time()
    found = []
    for one in store.list_licences():
        if one.revoked_at is None:
            day, month = windows.day_and_month(one, moment)
            counted = day if day.limit is not None else month
            left = None if one.expires_at is None else (one.expires_at - moment) / DAY
            used = None if counted.limit is None else _usage(counted.key)
            found.append(Contract(one.name, left, used, counted.limit))
    return found


def _usage(key: str) -> int | None:
    try:
        return services().store.usage(key)
    except StoreUnavailable:
        return None


def _bpcer() -> float:
    try:
        return services().loader.analyzer.policy.bpcer
    except Unavailable:
        return services().settings.bpcer
