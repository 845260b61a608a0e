"""Several findings in one medium, one decision: the most suspicious one that may decide does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from service.analysis.judgement import Finding, VideoAnalysis


def with_findings(found: VideoAnalysis, others: Sequence[Finding]) -> VideoAnalysis:
    """The judgement with further findings; advisory ones stand behind and change nothing else."""
    deciding = [one for one in (*found.findings, *others) if not one.advisory]
    first = max(deciding, key=lambda one: one.score)
    rest = [one for one in (*found.findings, *others) if one is not first]
    return replace(
        found,
        decision="deepfake" if first.decision == "attack" else "bona_fide",
        score=first.score,
        probability=first.probability,
        threshold=first.threshold,
        bpcer=first.bpcer,
        reasons=first.reasons,
        findings=(first, *rest),
    )
