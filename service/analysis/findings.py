"""What is found for each task, and which finding decides the whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from service.analysis.decision.policy import InForce
from service.analysis.decision.rules import centred
from service.analysis.detectors.base import Rated
from service.analysis.judgement import (
    Decision,
    DetectorScore,
    Finding,
    Task,
    VideoAnalysis,
)
from service.errors import Reason

DECISIONS: dict[Task, Decision] = {
    "deepfake": "deepfake",
    "presentation_attack": "presentation_attack",
    "voice_spoof": "deepfake",
}


def finding_of(
    task: Task,
    in_force: InForce,
    probability: float,
    detectors: tuple[DetectorScore, ...],
    reasons: tuple[Reason, ...] = (),
) -> Finding:
    """The finding that a fused probability makes: an attack from the fusion's threshold on."""
    threshold = in_force.fusion.threshold
    return Finding(
        task=task,
        decision="attack" if probability >= threshold else "bona_fide",
        score=centred(probability, threshold),
        probability=probability,
        threshold=threshold,
        bpcer=in_force.bpcer,
        advisory=False,
        reasons=reasons,
        detectors=detectors,
    )


def detector_scores(
    detectors: Sequence[Rated], probabilities: Sequence[float]
) -> tuple[DetectorScore, ...]:
    """What each detector found."""
    pairs = zip(detectors, probabilities, strict=True)
    return tuple(DetectorScore(one.name, one.version, value) for one, value in pairs)


def decision_of(finding: Finding) -> Decision:
    """What a deciding finding makes of the whole."""
    return DECISIONS[finding.task] if finding.decision == "attack" else "bona_fide"


def decided_by(finding: Finding) -> dict[str, Any]:
    """The fields of a judgement that are those of the deciding finding, but for its reasons."""
    return {
        "decision": decision_of(finding),
        "score": finding.score,
        "probability": finding.probability,
        "threshold": finding.threshold,
        "bpcer": finding.bpcer,
    }


def ordered(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The deciding one first: the first attack that is no advice, else the first of all."""
    attacks = [one for one in findings if one.decision == "attack" and not one.advisory]
    first = attacks[0] if attacks else findings[0]
    return (first, *(one for one in findings if one is not first))


def with_findings(found: VideoAnalysis, others: Sequence[Finding]) -> VideoAnalysis:
    """The judgement with further findings; the most suspicious one that may decide does.

    Advisory ones stand behind and change nothing else.
    """
    deciding = [one for one in (*found.findings, *others) if not one.advisory]
    first = max(deciding, key=lambda one: one.score)
    rest = [one for one in (*found.findings, *others) if one is not first]
    return replace(found, **decided_by(first), reasons=first.reasons, findings=(first, *rest))
