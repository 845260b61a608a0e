"""Operating point: the model card, what another threshold would have done, and applying it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import request
from werkzeug.wrappers import Response

from service.api.http.context import services
from service.errors import RequestError, StartupError
from service.settings import applied_bpcer, apply_bpcer
from service.store.search import Filter, Point
from service.web import acts, guard
from service.web.card import measured
from service.web.det import ticks
from service.web.pages import done, door, page
from service.web.patience import within

if TYPE_CHECKING:
    from service.analysis.decision.policy import Policy

blueprint = guard.room("point", "administrator", "/operating-point")
door("point.overview", "administrator", "nav.point")
CANDIDATES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.08, 0.1, 0.15, 0.2)
LAST = 1000  # results that it is tried on


@dataclass(frozen=True)
class Trial:
    """A threshold, and what it would have done to the last results: refused in all, and against
    what was decided then newly refused and newly let pass."""

    bpcer: float
    threshold: float
    refused: int
    more: int
    fewer: int


@blueprint.get("/")
def overview() -> str:
    """The card and the slider."""
    analyzer, settings = services().loader.analyzer, services().settings
    policy = analyzer.policy
    points, whole = within(lambda: services().results.result_points(Filter(), LAST))
    trials = [_trial(one, points) for one in _thresholds(policy)]
    current = min(range(len(trials)), key=lambda n: abs(trials[n].bpcer - policy.bpcer), default=0)
    return page(
        "point.html",
        policy=policy,
        card=measured(analyzer.model_card(), settings.models_dir, policy.bpcer),
        ticks=ticks(),
        trials=trials,
        current=current,
        points=points,
        whole=whole,
        kept=applied_bpcer(settings.data_dir),
        fixed=_fixed(),
    )


@blueprint.post("/")
def apply() -> Response:
    """Keep another BPCER for the next start of the service."""
    if _fixed():
        raise RequestError("FACEGATE_BPCER is set where the service starts: change it there.")
    if request.form.get("sure") != "yes":
        raise RequestError("Confirm that other media will be refused from then on.")
    policy = services().loader.analyzer.policy
    wanted = _wanted([bpcer for bpcer, _ in _thresholds(policy)])
    acts.note("operating point applied", bpcer=wanted, before=policy.bpcer)
    apply_bpcer(services().settings.data_dir, wanted)
    return done("point.overview", "applied")


def _wanted(known: Sequence[float]) -> float:
    try:
        return next(one for one in known if f"{one:g}" == request.form.get("bpcer"))
    except StopIteration:
        raise RequestError("The field bpcer is wrong: choose one that is shown.") from None


def _thresholds(policy: Policy) -> list[tuple[float, float]]:
    """Those candidates, and the one in force, that the models have a threshold for."""
    found = []
    for bpcer in sorted({*CANDIDATES, policy.bpcer}):
        try:
            found.append((bpcer, policy.threshold_at(bpcer)))
        except StartupError:
            continue
    return found


def _trial(point: tuple[float, float], results: Sequence[Point]) -> Trial:
    bpcer, threshold = point
    now = [one.probability >= threshold for one in results]
    then = [one.decision != "bona_fide" for one in results]
    more = sum(a and not b for a, b in zip(now, then, strict=True))
    fewer = sum(b and not a for a, b in zip(now, then, strict=True))
    return Trial(bpcer, threshold, sum(now), more, fewer)


def _fixed() -> bool:
    """Whether the environment says it, which then counts."""
    return services().settings.bpcer_is_given
