"""Fuse predictions by another method than the service's own, without new inference."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from service.analysis.decision.fusion import Fusion
from service.analysis.decision.rules import centred
from service.analysis.judgement import Analysis, Predictions
from service.errors import NoDetectorAnswered

Method = Literal["voting", "average", "stacking"]
FusionOf = Callable[[Method, Sequence[str]], Fusion]


@dataclass(frozen=True)
class Vote:
    """One detector's `score` for the face that counts: 0..1, 0.5 is its own decision line."""

    name: str
    score: float


@dataclass(frozen=True)
class Reweighed:
    """`method` is the one used, `score` is 0..1 with 0.5 as the decision line."""

    method: Method
    score: float
    votes: tuple[Vote, ...]
    left_out: tuple[str, ...]


def reweigh(
    analysis: Analysis,
    method: Method,
    thresholds: Mapping[str, float],
    fusion_of: FusionOf,
    names: Collection[str] | None = None,
) -> Reweighed:
    """The judgement of the worst face by `method`, of all detectors or those of `names`.

    `thresholds` has each detector's own; `fusion_of` gives the fusion of some of them. Where no
    trained one fits, stacking becomes averaging. Raises NoDetectorAnswered when none is left.
    """
    faces = [_of_face(face, thresholds, names) for face in analysis.predictions]
    if not faces[0]:
        raise NoDetectorAnswered
    fusion = fusion_of(method, list(faces[0]))
    fused = [fusion.probability(list(face.values())) for face in faces]
    worst = max(range(len(faces)), key=fused.__getitem__)
    votes = (Vote(name, centred(p, thresholds[name])) for name, p in faces[worst].items())
    asked = thresholds if names is None else names  # not those of other tasks
    left_out = tuple(one for one in analysis.left_out if one in asked)
    score = centred(fused[worst], fusion.threshold)
    return Reweighed(_used(method, fusion), score, tuple(votes), left_out)


def _used(method: Method, fusion: Fusion) -> Method:
    return "average" if method == "stacking" and fusion.name != "stacking" else method


def _of_face(
    face: Predictions, thresholds: Mapping[str, float], names: Collection[str] | None
) -> dict[str, float]:
    said = {one.name: one.probability for one in face if one.name in thresholds}
    return {name: p for name, p in said.items() if names is None or name in names}
