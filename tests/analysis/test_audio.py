"""A recording from its bytes to a judgement."""

from __future__ import annotations

import io
from pathlib import Path

import av
import numpy as np
import pytest

from service.analysis.audio import Silent, VoiceAnalyzer, load_voice, voice_settings
from service.analysis.judgement import ANALYSIS, AudioAnalysis
from service.errors import CannotJudge, MediaError, Reason, StartupError, UnsupportedMedia
from service.media.medium import Medium
from service.settings import Settings
from tests.voices import RATE, copy_speech_detector, make_voice_detector, spoken


def recording(
    sound: np.ndarray, container: str = "wav", codec: str = "pcm_s16le", rate: int = RATE
) -> bytes:
    """Sound of 16 kHz as a file."""
    file = io.BytesIO()
    with av.open(file, "w", format=container) as out:
        stream = out.add_stream(codec, rate=rate, layout="mono")
        whole = (np.clip(sound, -1, 1) * 32767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(whole[None], format="s16", layout="mono")
        frame.sample_rate = RATE
        turn = av.AudioResampler(stream.codec_context.format.name, "mono", rate)
        for part in [*turn.resample(frame), *turn.resample(None), None]:
            out.mux(stream.encode(part))
    return file.getvalue()


def settings(models: Path, **changes: object) -> Settings:
    return Settings(models_dir=models, data_dir=models.parent / "data", **changes)  # type: ignore[arg-type]


@pytest.fixture
def models(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    copy_speech_detector(folder)
    return folder


def judged(models: Path, sound: np.ndarray, **changes: object) -> AudioAnalysis:
    analyzer = VoiceAnalyzer.load(settings(models, **changes))
    return analyzer.analyze(Medium.of(recording(sound), "audio"))


@pytest.mark.parametrize(
    ("container", "codec", "rate"),
    [
        ("wav", "pcm_s16le", 16000),
        ("wav", "pcm_mulaw", 8000),
        ("mp3", "libmp3lame", 44100),
        ("flac", "flac", 48000),
        ("mp4", "aac", 44100),
        ("ogg", "libopus", 48000),
        ("amr", "libopencore_amrnb", 8000),
    ],
)
def test_every_listed_format(models: Path, container: str, codec: str, rate: int) -> None:
    make_voice_detector(models, "v", 1.0)
    data = recording(np.pad(spoken(), RATE), container, codec, rate)
    found = VoiceAnalyzer.load(settings(models)).analyze(Medium.of(data, "audio"))
    assert found.decision == "deepfake"
    assert found.audio.sample_rate == rate
    assert found.audio.seconds == pytest.approx(8.0, abs=0.2)
    assert 4.0 < found.speech_seconds < 6.5


def test_what_is_found(models: Path) -> None:
    make_voice_detector(models, "v", -2.0)
    found = judged(models, spoken())
    (finding,) = found.findings
    assert finding.task == "voice_spoof"
    assert finding.decision == "bona_fide" == found.decision
    assert finding.probability == found.probability == pytest.approx(0.1192, abs=1e-3)
    assert finding.advisory
    assert [(one.name, one.version) for one in finding.detectors] == [("v", "1.0.0")]
    assert len(found.windows) == 2
    assert found.windows[-1].end <= found.audio.seconds + 0.01
    assert ANALYSIS.validate_json(ANALYSIS.dump_json(found)) == found


def test_several_detectors_are_averaged(models: Path) -> None:
    make_voice_detector(models, "a", 2.0)
    make_voice_detector(models, "b", -2.0)
    found = judged(models, spoken(), voice="decide")
    assert found.probability == pytest.approx(0.5)
    assert found.fusion == "average"
    assert not found.findings[0].advisory
    alone = judged(models, spoken(), detectors=("a",))
    assert alone.probability > 0.8
    assert alone.fingerprint != found.fingerprint


@pytest.mark.parametrize(
    ("sound", "reason"),
    [
        (np.zeros(3 * RATE, np.float32), Reason.NO_SPEECH),
        (np.pad(spoken(0.7), RATE), Reason.SPEECH_TOO_SHORT),
    ],
)
def test_nothing_to_judge(models: Path, sound: np.ndarray, reason: Reason) -> None:
    make_voice_detector(models, "v")
    with pytest.raises(CannotJudge) as error:
        judged(models, sound, refuse=frozenset())
    assert error.value.reason is reason


def test_a_warning_refuses_where_the_setting_says_so(models: Path) -> None:
    make_voice_detector(models, "v")
    loud = np.clip(spoken() * 8, -1, 1)
    assert judged(models, loud).reasons == (Reason.AUDIO_CLIPPED,)
    with pytest.raises(CannotJudge):
        judged(models, loud, refuse=frozenset({Reason.AUDIO_CLIPPED}))


def test_a_file_that_is_no_recording(models: Path) -> None:
    make_voice_detector(models, "v")
    with pytest.raises(MediaError):
        VoiceAnalyzer.load(settings(models)).analyze(Medium.of(b"RIFF....WAVE junk", "audio"))


@pytest.mark.parametrize("how", ["off", "no detector"])
def test_voices_are_not_judged(models: Path, how: str) -> None:
    if how == "off":
        make_voice_detector(models, "v")
    found = load_voice(settings(models, voice="off" if how == "off" else "advise"))
    assert isinstance(found, Silent)
    with pytest.raises(UnsupportedMedia):
        found.analyze(Medium.of(recording(spoken()), "audio"))


def test_without_the_model_that_finds_speech(models: Path) -> None:
    make_voice_detector(models, "v")
    (models / "silero-vad" / "manifest.json").unlink()
    with pytest.raises(StartupError):
        load_voice(settings(models))


def test_voices_have_a_calibration_of_their_own(models: Path) -> None:
    asked = settings(models)
    assert voice_settings(asked).calibration_file() == models.parent / "data/voice/calibration.json"


def test_what_the_threshold_stands_for_is_said(models: Path) -> None:
    make_voice_detector(models, "v")
    assert judged(models, spoken(), bpcer=0.01).findings[0].bpcer == 0.05


def test_a_long_pause_is_not_judged(models: Path) -> None:
    make_voice_detector(models, "v")
    found = judged(models, np.concatenate([spoken(3), np.zeros(10 * RATE, np.float32), spoken(3)]))
    assert all(window.end < 4 or window.start > 12 for window in found.windows)
