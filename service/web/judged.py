"""What was found in a medium, as templates show it: words, bars, boxes and lines over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from service.analysis.judgement import (
    Analysis,
    AudioAnalysis,
    DetectorScore,
    FaceJudgement,
    Finding,
    ImageAnalysis,
    VideoAnalysis,
)
from service.errors import SENTENCES, Reason
from service.web.preview import Preview

WIDE, HIGH = 600.0, 120.0  # of the drawing of a course over time


@dataclass(frozen=True)
class Moment:
    """A point of a course over time: seconds, probability, and where it is drawn."""

    at: float
    probability: float
    x: float
    y: float


@dataclass(frozen=True)
class Course:
    """Probability over time; `line` is an SVG path of it, `threshold` where the line is drawn."""

    seconds: float
    moments: tuple[Moment, ...]
    line: str
    threshold: float


@dataclass(frozen=True)
class View:
    """What `analysis.html` shows."""

    analysis: Analysis
    findings: tuple[Finding, ...]
    models: tuple[DetectorScore, ...]
    faces: tuple[FaceJudgement, ...]
    counted: int
    sentences: tuple[str, ...]
    preview: Preview | None
    course: Course | None
    total: float


def view(analysis: Analysis, preview: Preview | None = None) -> View:
    """Of an analysis of any kind of medium."""
    image = isinstance(analysis, ImageAnalysis)
    return View(
        analysis=analysis,
        findings=analysis.findings,
        models=tuple(one for finding in analysis.findings for one in finding.detectors),
        faces=analysis.faces if isinstance(analysis, ImageAnalysis) else (),
        counted=analysis.counted if image else 0,  # type: ignore[union-attr]
        sentences=tuple(SENTENCES[Reason(one)] for one in analysis.reasons),
        preview=preview,
        course=_course(analysis),
        total=analysis.timings.get("total", 0.0),
    )


def _course(analysis: Analysis) -> Course | None:
    if isinstance(analysis, VideoAnalysis):
        spots = [
            (frame.time, max(face.probability for face in frame.faces))
            for frame in analysis.frames
            if frame.faces
        ]
        return _drawn(analysis.video.seconds, spots, analysis.threshold)
    if isinstance(analysis, AudioAnalysis):
        windows = [((one.start + one.end) / 2, one.probability) for one in analysis.windows]
        return _drawn(analysis.audio.seconds, windows, analysis.threshold)
    return None


def _drawn(seconds: float, spots: Sequence[tuple[float, float]], threshold: float) -> Course | None:
    if not spots or seconds <= 0:
        return None
    moments = tuple(
        Moment(at, value, round(min(at / seconds, 1) * WIDE, 1), _height(value))
        for at, value in spots
    )
    line = "M" + " L".join(f"{one.x} {one.y}" for one in moments)
    return Course(seconds, moments, line, _height(threshold))


def _height(value: float) -> float:
    return round((1 - value) * HIGH, 1)
