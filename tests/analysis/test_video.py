"""Videos over real face models, with a detector that sees redness."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from service.analysis import over_time
from service.analysis.image import Analyzer
from service.analysis.judgement import (
    AudioAnalysis,
    Box,
    DetectorScore,
    FaceJudgement,
    Finding,
    Quality,
    VideoAnalysis,
)
from service.analysis.records import from_record, to_record
from service.analysis.tracks import SeenFace, join
from service.analysis.video import VideoPipeline
from service.errors import CannotJudge, MediaError, NoPictures, Reason
from service.media.facts import AudioFacts
from service.media.medium import Medium
from service.runtime.reporting import listening
from service.settings import Settings
from tests import clips
from tests.analysis.conftest import MakeAnalyzer

HEARD = Finding("voice_spoof", "attack", 0.9, 0.8, 0.5, 0.05, advisory=True)


class Ear:
    """A pipeline of sound that hears the same always."""

    fingerprint = "ear"

    def analyze(self, medium: Medium, *, explain: bool = False) -> AudioAnalysis:
        return AudioAnalysis(
            audio=AudioFacts(medium.sha256, "wav", "pcm", 1.0, 16_000, 1),
            decision="deepfake",
            score=0.9,
            probability=0.8,
            threshold=0.5,
            bpcer=0.05,
            reasons=(),
            fusion="single",
            fingerprint="ear",
            timings={},
            findings=(HEARD,),
        )


class Deaf(Ear):
    def analyze(self, medium: Medium, *, explain: bool = False) -> AudioAnalysis:
        raise MediaError


@pytest.fixture(scope="module")
def pipeline(analyzer: Analyzer) -> VideoPipeline:
    return VideoPipeline(Settings(), analyzer)


def judged(pipeline: VideoPipeline, data: bytes) -> VideoAnalysis:
    found = pipeline.analyze(Medium.of(data))
    assert isinstance(found, VideoAnalysis)
    return found


def refusal(pipeline: VideoPipeline, data: bytes) -> Reason:
    with pytest.raises(CannotJudge) as caught:
        pipeline.analyze(Medium.of(data))
    return caught.value.reason


@pytest.fixture(scope="module")
def red(pipeline: VideoPipeline) -> VideoAnalysis:
    return judged(pipeline, clips.video(clips.faces(12), sound=1.0))


def test_a_judgement_is_complete(red: VideoAnalysis, pipeline: VideoPipeline) -> None:
    assert (red.video.format, red.video.codec, red.video.has_audio) == ("mp4", "h264", True)
    assert (red.counted, red.faces_found, len(red.tracks)) == (0, 1, 1)
    (track,) = red.tracks
    assert track.frames == len(red.frames) >= 7
    assert all(face.track == 0 for frame in red.frames for face in frame.faces)
    assert [frame.time for frame in red.frames] == sorted(frame.time for frame in red.frames)
    assert red.probability == track.probability == red.findings[0].probability
    assert red.detectors == track.detectors
    assert red.fingerprint == pipeline.fingerprint
    assert set(red.timings) == {"frames", "total"}


def test_it_is_kept_and_read(red: VideoAnalysis) -> None:
    assert from_record(to_record(red)) == red


@pytest.mark.parametrize(("tint", "decision"), [(1.0, "deepfake"), (0.2, "bona_fide")])
def test_the_detector_decides(pipeline: VideoPipeline, tint: float, decision: str) -> None:
    found = judged(pipeline, clips.video(clips.faces(8, red=tint)))
    assert found.decision == decision
    assert (
        (found.score >= 0.5) == (found.probability >= found.threshold) == (decision == "deepfake")
    )


def test_a_few_odd_frames_do_not_decide(pipeline: VideoPipeline) -> None:
    frames = [*clips.faces(7, red=0.2), *clips.faces(1), *clips.faces(4, red=0.2)]
    assert judged(pipeline, clips.video(frames, options={"g": "1"})).decision == "bona_fide"


def test_two_faces_are_two_tracks_and_the_worse_decides(pipeline: VideoPipeline) -> None:
    pairs = zip(clips.faces(8, red=0.2), clips.faces(8), strict=True)
    found = judged(pipeline, clips.video([np.hstack(pair) for pair in pairs]))
    assert len([one for one in found.tracks if one.prominent]) == 2
    assert found.decision == "deepfake"
    assert found.reasons == (Reason.TOO_MANY_FACES,)
    right = [face.box.x > 320 for frame in found.frames for face in frame.faces if face.track]
    left = [face.box.x > 320 for frame in found.frames for face in frame.faces if not face.track]
    assert len(set(right)) == len(set(left)) == 1


def test_faces_elsewhere_in_the_frame_are_one_track_while_they_look_the_same() -> None:
    rng = np.random.default_rng(0)
    looks = [one / np.linalg.norm(one) for one in rng.normal(size=(2, 16, 16))]
    places = [(0, 0), (1, 500), (0, 900), (1, 0)]
    frames = [[_seen(time, looks[who], x)] for time, (who, x) in enumerate(places)]
    assert [len(path.faces) for path in join(frames)] == [2, 2]


def test_without_a_face(pipeline: VideoPipeline) -> None:
    assert refusal(pipeline, clips.video(clips.plain(8))) is Reason.FACE_NOT_FOUND


def test_too_dark(pipeline: VideoPipeline) -> None:
    assert refusal(pipeline, clips.video(clips.plain(8, level=4))) is Reason.IMAGE_TOO_DARK


def test_too_short(pipeline: VideoPipeline) -> None:
    found = judged(pipeline, clips.video(clips.faces(2)))
    assert Reason.VIDEO_TOO_SHORT in found.reasons


def test_too_short_may_refuse(analyzer: Analyzer) -> None:
    strict = VideoPipeline(Settings(refuse=frozenset({Reason.VIDEO_TOO_SHORT})), analyzer)
    assert refusal(strict, clips.video(clips.faces(2))) is Reason.VIDEO_TOO_SHORT


def test_a_face_that_is_too_small(make_analyzer: MakeAnalyzer) -> None:
    settings = Settings(min_face=400)
    strict = VideoPipeline(settings, make_analyzer(min_face=400))
    assert refusal(strict, clips.video(clips.faces(8))) is Reason.FACE_TOO_SMALL


def test_the_sound_has_a_finding_of_its_own(analyzer: Analyzer) -> None:
    both = VideoPipeline(Settings(), analyzer, Ear())
    found = judged(both, clips.video(clips.faces(8, red=0.2), sound=1.0))
    assert (found.decision, found.findings[1]) == ("bona_fide", HEARD)
    assert both.fingerprint != VideoPipeline(Settings(), analyzer).fingerprint
    silent = judged(both, clips.video(clips.faces(8)))
    assert len(silent.findings) == 1
    assert found.sound_refused is silent.sound_refused is None


def test_sound_that_cannot_be_judged_adds_no_finding_but_says_why(analyzer: Analyzer) -> None:
    found = judged(
        VideoPipeline(Settings(), analyzer, Deaf()), clips.video(clips.faces(8), sound=1)
    )
    assert len(found.findings) == 1
    assert found.sound_refused == "INVALID_MEDIA"
    assert from_record(to_record(found)) == found


def test_a_video_without_pictures_is_a_recording(analyzer: Analyzer) -> None:
    data = clips.recording("ipod")
    with pytest.raises(NoPictures):
        VideoPipeline(Settings(), analyzer).analyze(Medium.of(data, "video"))
    both = VideoPipeline(Settings(), analyzer, Ear())
    assert both.analyze(Medium.of(data, "video")).kind == "audio"


def test_progress(pipeline: VideoPipeline) -> None:
    told: list[float] = []
    with listening(told.append):
        judged(pipeline, clips.video(clips.faces(12)))
    assert told == sorted(told)
    assert 0.8 < told[-1] < 1


def test_the_mean_is_robust() -> None:
    assert over_time.robust_mean([0.1] * 8 + [0.999999, 1.0]) == pytest.approx(0.1)
    assert over_time.robust_mean([0.0, 1.0]) == pytest.approx(0.5, abs=1e-4)


def test_a_face_seen_for_a_moment_is_no_prominent_one() -> None:
    long, short = ([_seen(t, np.ones((16, 16)), x) for t in range(n)] for x, n in ((0, 12), (9, 2)))
    tracks = over_time.tracks_of(join([[one] for one in long]) + join([[one] for one in short]))
    assert [one.prominent for one in tracks] == [True, False]
    worse = (tracks[0], replace(tracks[1], probability=1.0))
    assert over_time.counted(worse, "worst") == 0


def _seen(time: float, look: np.ndarray, x: float) -> SeenFace:
    quality = Quality((), 100, 0, 0, 0, 100, 0.5, 0.1)
    face = FaceJudgement(Box(x, 0, 100, 100), 0.9, 0.5, (DetectorScore("a", "1", 0.5),), quality)
    return SeenFace(time, face, look / max(1e-6, float(np.linalg.norm(look))))
