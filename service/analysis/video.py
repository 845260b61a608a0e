"""The pipeline of videos: frames -> faces by the image pipeline -> tracks -> one decision."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path as FilePath
from typing import Protocol

import numpy as np

from service.analysis import over_time
from service.analysis.decision.policy import Policy
from service.analysis.findings import decided_by, finding_of, with_findings
from service.analysis.image import Analyzer, ModelInfo
from service.analysis.judgement import (
    Analysis,
    Frame,
    Track,
    TrackedFace,
    VideoAnalysis,
)
from service.analysis.stopwatch import Stopwatch
from service.analysis.tracks import Path, SeenFace, join, look_of
from service.errors import CannotJudge, FacegateError, NoPictures, Reason
from service.media.facts import VideoFacts
from service.media.medium import Medium
from service.media.video import Picture, frames, luma
from service.runtime.machine import usable_cores
from service.runtime.prefetch import prefetch_map
from service.runtime.reporting import report
from service.settings import Settings

VERSION = "2"  # of everything here that an answer depends on; raise it with every such change
DARK = 0.06  # mean luma below which a video without a face is called dark
NEARLY_ALL = 0.99  # share of the progress that frames are


class SoundPipeline(Protocol):
    """What judges the sound."""

    @property
    def fingerprint(self) -> str: ...

    def analyze(self, medium: Medium, *, explain: bool = False) -> Analysis: ...


@dataclass(frozen=True, eq=False)
class FrameResult:
    """A frame that was looked at: its judged faces, or why there are none."""

    time: float
    luma: float
    faces: tuple[SeenFace, ...] = ()
    left_out: tuple[str, ...] = ()
    reason: Reason | None = None


class VideoPipeline:
    """Judges videos with the models of an analyzer of images. Safe to share between threads."""

    def __init__(
        self, settings: Settings, analyzer: Analyzer, sound: SoundPipeline | None = None
    ) -> None:
        self._settings, self._analyzer, self._sound = settings, analyzer, sound
        own = calibration_of_videos(settings)
        self._own = analyzer.policies(own) if own else None

    @property
    def fingerprint(self) -> str:
        """Short hash of everything that an answer depends on besides the video."""
        return self._fingerprint(self.policy.fingerprint)

    @property
    def policy(self) -> Policy:
        """That of images, but where videos have a calibration of their own."""
        own = self._own.now if self._own else None
        return own if own and own.calibration else self._analyzer.policy

    @property
    def ignored_calibration(self) -> bool:
        """Whether videos have one of their own that was fitted for other models."""
        return self._own is not None and self._own.now.ignored_calibration

    @property
    def models(self) -> tuple[ModelInfo, ...]:
        """The models, which are those of images."""
        return self._analyzer.models

    def analyze(self, medium: Medium, *, explain: bool = False) -> Analysis:
        """Judge a video; there is no heat map. A video without pictures is a recording.

        Raises the MediaError family, CannotJudge when no frame can be judged, and
        NoDetectorAnswered when every detector failed.
        """
        watch = Stopwatch()
        policy = self.policy  # one for the whole answer
        try:
            footage, looked = self._look(medium, policy)
        except NoPictures:
            if self._sound is None:
                raise
            return self._sound.analyze(medium, explain=explain)
        watch.lap("frames")
        found = self._judged(policy, footage, looked)
        if footage.has_audio and self._sound is not None:
            found = self._with_sound(found, medium)
            watch.lap("sound")
        return replace(found, timings=watch.timings())

    def model_card(self) -> dict[str, object] | None:
        """The line for videos where they have a calibration of their own; else that of images."""
        policy = self._own.now if self._own else None
        if policy is None or policy.calibration is None:
            return None
        point = {"bpcer": policy.bpcer, "threshold": policy.fusion.threshold}
        calibration = policy.calibration.model_dump(mode="json")
        return {"operating_point": point, "calibration": calibration}

    def _look(self, medium: Medium, policy: Policy) -> tuple[VideoFacts, list[FrameResult]]:
        with closing(frames(medium, self._settings)) as shown:  # type: ignore[type-var]
            footage = next(shown)
            assert isinstance(footage, VideoFacts)
            looked = []
            for one in self._each(shown, policy):
                looked.append(one)
                report(NEARLY_ALL * min(1.0, one.time / footage.seconds))
        return footage, looked

    def _each(self, shown: Iterator[VideoFacts | Picture], policy: Policy) -> Iterator[FrameResult]:
        """Judge several frames at the same time, as many as there are cores."""
        pictures = (one for one in shown if isinstance(one, Picture))
        cores = usable_cores()
        return prefetch_map(lambda one: self._frame(policy, one), pictures, cores, cores + 1)

    def _frame(self, policy: Policy, picture: Picture) -> FrameResult:
        time, light = picture.time, luma(picture.pixels)
        try:
            faces, left_out = self._analyzer.judge_frame(policy, picture.pixels, picture.scale)
        except CannotJudge as error:
            return FrameResult(time, light, reason=error.reason)
        seen = [
            SeenFace(time, one, look_of(picture.pixels, one.box, picture.scale)) for one in faces
        ]
        return FrameResult(time, light, tuple(seen), left_out)

    def _judged(
        self, policy: Policy, footage: VideoFacts, looked: Sequence[FrameResult]
    ) -> VideoAnalysis:
        paths = join([one.faces for one in looked])
        tracks, counted, reasons = self._counted(paths, looked)
        left_out = tuple(dict.fromkeys(name for one in looked for name in one.left_out))
        in_force = policy.without(left_out)
        track = tracks[counted]
        finding = finding_of("deepfake", in_force, track.probability, track.detectors, reasons)
        return VideoAnalysis(
            video=footage,
            **decided_by(finding),
            reasons=reasons,
            fusion=in_force.fusion.name,
            fingerprint=self._fingerprint(in_force.fingerprint),
            timings={},
            left_out=left_out,
            findings=(finding,),
            frames=tuple(_shown(looked, paths)),
            tracks=tracks,
            counted=counted,
        )

    def _counted(
        self, paths: Sequence[Path], looked: Sequence[FrameResult]
    ) -> tuple[tuple[Track, ...], int, tuple[Reason, ...]]:
        """The tracks, which of them counts, and its warnings. Raises CannotJudge."""
        if not paths:
            raise CannotJudge(_why(looked))
        tracks = over_time.tracks_of(paths)
        number = over_time.counted(tracks, self._settings.multi_face)
        reasons = over_time.reasons(tracks, paths[number])
        if refused := [one for one in reasons if one in self._settings.refuse]:
            raise CannotJudge(refused[0])
        return tracks, number, reasons

    def _with_sound(self, found: VideoAnalysis, medium: Medium) -> VideoAnalysis:
        """With what the sound's own pipeline finds, or why it could not judge."""
        assert self._sound is not None
        try:
            return with_findings(found, self._sound.analyze(medium).findings)
        except FacegateError as error:
            return replace(found, sound_refused=error.code)

    def _fingerprint(self, of_pictures: str) -> str:
        of_sound = self._sound.fingerprint if self._sound is not None else ""
        return hashlib.sha256(f"video {VERSION} {of_pictures} {of_sound}".encode()).hexdigest()[:16]


def calibration_of_videos(settings: Settings) -> Settings | None:
    """The settings by which videos are judged where they have a calibration of their own."""
    path = video_calibration(settings)
    return settings.model_copy(update={"calibration": path}) if path.exists() else None


def video_calibration(settings: Settings) -> FilePath:
    """The file of a calibration for videos, whether it exists or not."""
    return settings.data_dir / "video" / "calibration.json"


def _why(looked: Sequence[FrameResult]) -> Reason:
    """Why no frame could be judged: what holds for most of them."""
    found = Counter(one.reason or Reason.FACE_NOT_FOUND for one in looked)
    reason = found.most_common(1)[0][0]
    dark = float(np.median([one.luma for one in looked])) < DARK
    return Reason.IMAGE_TOO_DARK if dark and reason is Reason.FACE_NOT_FOUND else reason


def _shown(looked: Sequence[FrameResult], paths: Sequence[Path]) -> Iterator[Frame]:
    """The frames, with the track of each face."""
    number = {id(face): index for index, path in enumerate(paths) for face in path.faces}
    for one in looked:
        faces = (TrackedFace(**vars(face.judgement), track=number[id(face)]) for face in one.faces)
        yield Frame(one.time, tuple(faces))
