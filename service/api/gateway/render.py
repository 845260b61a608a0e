"""A `Reweighed` in the contract's words."""

from __future__ import annotations

from collections.abc import Sequence

from service.analysis.decision.reweigh import Reweighed, Vote
from service.analysis.decision.rules import centred
from service.analysis.judgement import AudioAnalysis, Finding
from service.api.gateway.schemas import Found, ModelFailure, ModelResult, Verdict
from service.api.v1.render import thousandths


def verdict(fused: Reweighed, threshold: float, others: Sequence[Finding] = ()) -> Verdict:
    """All scores have 0.5 as their decision line; `threshold` draws another one.

    `others`: attacks found for other tasks. One that decides counts as a fake, however the
    detectors of deepfakes are fused.
    """
    highest = max([fused.score, *(one.score for one in others if not one.advisory)])
    score = thousandths(highest, highest >= 0.5)
    fake = score >= threshold
    results: dict[str, ModelResult | ModelFailure] = {
        one.name: _result(one, threshold) for one in fused.votes
    }
    results |= {name: ModelFailure() for name in fused.left_out}
    return Verdict(
        verdict="fake" if fake else "real",
        confidence_in_verdict=score if fake else round(1 - score, 3),
        ensemble_score_is_fake=score,
        ensemble_method_used=fused.method,
        model_results=results,
        findings=[_found(one) for one in others] or None,
    )


def _found(finding: Finding) -> Found:
    probability = thousandths(finding.score, finding.decision == "attack")
    return Found.model_validate(
        {"task": finding.task, "probability": probability, "decides": not finding.advisory}
    )


def heard(analysis: AudioAnalysis) -> Reweighed:
    """A recording's judgement, as its own policy fused it."""
    line = analysis.threshold
    votes = tuple(Vote(one.name, centred(one.probability, line)) for one in analysis.detectors)
    return Reweighed("average", analysis.score, votes, analysis.left_out)


def _result(vote: Vote, threshold: float) -> ModelResult:
    probability = thousandths(vote.score, vote.score >= 0.5)
    kind = "fake" if probability >= threshold else "real"
    return ModelResult.model_validate({"probability": probability, "class": kind})
