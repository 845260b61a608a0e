"""Face and voice in one video: the more suspicious one decides, unless it is advice only."""

from __future__ import annotations

from typing import Any

import pytest

from service.analysis.findings import with_findings
from service.analysis.judgement import Finding, VideoAnalysis
from service.media.facts import VideoFacts


def finding(task: Any, score: float, *, advisory: bool = False) -> Finding:
    fake = score >= 0.5
    return Finding(task, "attack" if fake else "bona_fide", score, score, 0.5, 0.05, advisory)


def video(face: Finding) -> VideoAnalysis:
    return VideoAnalysis(
        video=VideoFacts("0" * 64, "mp4", "h264", 64, 64, 1.0, 25, 25.0, 0, True),
        decision="deepfake" if face.decision == "attack" else "bona_fide",
        score=face.score,
        probability=face.probability,
        threshold=0.5,
        bpcer=0.05,
        reasons=(),
        fusion="single",
        fingerprint="f",
        timings={},
        findings=(face,),
        frames=(),
        tracks=(),
        counted=0,
    )


@pytest.mark.parametrize(
    ("face", "voice", "advisory", "decision", "first"),
    [
        (0.2, 0.9, False, "deepfake", "voice_spoof"),
        (0.2, 0.9, True, "bona_fide", "deepfake"),
        (0.9, 0.2, False, "deepfake", "deepfake"),
        (0.2, 0.1, False, "bona_fide", "deepfake"),
    ],
)
def test_one_decision(face: float, voice: float, advisory: bool, decision: str, first: str) -> None:
    heard = finding("voice_spoof", voice, advisory=advisory)
    found = with_findings(video(finding("deepfake", face)), [heard])
    assert (found.decision, found.findings[0].task) == (decision, first)
    assert len(found.findings) == 2
    assert found.score == found.findings[0].score
