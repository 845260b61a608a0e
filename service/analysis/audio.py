"""The road of a recording: decode, find the speech, judge its windows, decide.

The same road, from its second step on, is that of the sound of a video.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from service.analysis.decision.policy import Policy
from service.analysis.decision.rules import log_odds, sigmoid
from service.analysis.detectors.base import VoiceDetector
from service.analysis.detectors.load import load_voice_detectors
from service.analysis.findings import decided_by, detector_scores, finding_of
from service.analysis.image import ModelInfo
from service.analysis.judgement import AudioAnalysis, DetectorScore, Finding, Window
from service.analysis.stopwatch import Stopwatch
from service.analysis.voice.quality import reasons
from service.analysis.voice.speech import MODEL, RATE, SpeechDetector
from service.analysis.voice.windows import Stretch, spoken, windows
from service.errors import CannotJudge, Reason, UnsupportedMedia
from service.media.audio import Sound, sound
from service.media.medium import Medium
from service.repository.manifest import read_json
from service.repository.registry import voice_folders
from service.settings import Settings

REFUSED = {Reason.NO_SPEECH, Reason.SPEECH_TOO_SHORT}  # whatever the setting: nothing to judge


@dataclass(frozen=True)
class Voice:
    """What was found in sound: the finding, the windows it comes from, and seconds of speech."""

    finding: Finding
    windows: tuple[Window, ...]
    speech_seconds: float


class VoiceAnalyzer:
    """Judges voices. Safe to share between threads; make it after the fork."""

    def __init__(
        self,
        settings: Settings,
        speech: SpeechDetector,
        detectors: Sequence[VoiceDetector],
        *,
        calibrated: bool = True,
    ) -> None:
        self._settings, self._speech = settings, speech
        self._detectors = tuple(detectors)
        parts = [read_json(settings.models_dir / MODEL)]
        own, bpcer = voice_settings(settings), max(one.bpcer for one in detectors)
        if bpcer != own.bpcer:
            own = own.model_copy(update={"bpcer": bpcer})
        self._policy = Policy(own, detectors, parts, calibrated=calibrated)

    @classmethod
    def load(cls, settings: Settings, *, calibrated: bool = True) -> Self:
        """Verify, open and try out every model. Raises StartupError."""
        speech = SpeechDetector(settings.models_dir)
        return cls(settings, speech, load_voice_detectors(settings), calibrated=calibrated)

    def analyze(
        self,
        medium: Medium,
        *,
        explain: bool = False,  # noqa: ARG002 (there is nothing to draw a heat map over)
    ) -> AudioAnalysis:
        """Judge a recording.

        Raises the MediaError family when it is no sound recording, and CannotJudge when a reason
        refuses it.
        """
        watch = Stopwatch()
        with watch.stage("decode"):
            recording = sound(medium, self._settings)
        with watch.stage("infer"):
            voice = self.judge(recording.samples)
        return _analysis(recording, voice, self._policy, watch)

    def judge(self, samples: np.ndarray) -> Voice:
        """Judge the voice in 16 kHz mono float32 sound. Raises CannotJudge."""
        speech = self._speech.find(samples)
        found = reasons(samples, speech, self._settings)
        for reason in found:
            if reason in REFUSED | self._settings.refuse:
                raise CannotJudge(reason)
        cut = windows(speech.stretches, min(one.seconds for one in self._detectors))
        weights = [spoken(one, speech.stretches) for one in cut]
        table = [one.predict([samples[a:b] for a, b in cut]) for one in self._detectors]
        means = [_mean(row, weights) for row in table]
        scores = detector_scores(self._detectors, means)
        judged = _windows(
            cut, [self._policy.fusion.probability(c) for c in zip(*table, strict=True)]
        )
        return Voice(self._finding(scores, found), judged, speech.seconds)

    def _finding(self, scores: tuple[DetectorScore, ...], found: tuple[Reason, ...]) -> Finding:
        in_force = self._policy.without()
        probability = in_force.fusion.probability([one.probability for one in scores])
        finding = finding_of("voice_spoof", in_force, probability, scores, found)
        return replace(finding, advisory=self._settings.voice != "decide")

    @property
    def models(self) -> tuple[ModelInfo, ...]:
        """The detectors, then the model that finds speech."""
        part = read_json(self._settings.models_dir / MODEL)
        detectors = [ModelInfo(one.name, one.version, "detector") for one in self._detectors]
        return (*detectors, ModelInfo(part["name"], part["version"], part["kind"]))

    @property
    def policy(self) -> Policy:
        """Fusion, calibration and threshold in force."""
        return self._policy

    def model_card(self) -> dict[str, object]:
        """Manifests, measured figures and the operating point in force, ready for JSON."""
        policy = self._policy
        return {
            "fingerprint": policy.fingerprint,
            "fusion": policy.fusion.card(),
            "operating_point": {"bpcer": policy.bpcer, "threshold": policy.fusion.threshold},
            "calibration": policy.calibration and policy.calibration.model_dump(mode="json"),
            "advisory": self._settings.voice != "decide",
            "detectors": [detector.card() for detector in self._detectors],
            "speech_detector": read_json(self._settings.models_dir / MODEL),
        }

    @property
    def ignored_calibration(self) -> bool:
        """Whether there is a calibration that was fitted for other models."""
        return self._policy.ignored_calibration

    @property
    def fingerprint(self) -> str:
        """Short hash of everything that an answer depends on besides the sound."""
        return self._policy.fingerprint


class Silent:
    """The pipeline of recordings where voices are not judged."""

    fingerprint = "silent"
    ignored_calibration = False
    models: tuple[ModelInfo, ...] = ()

    def model_card(self) -> None:
        """No card: nothing is judged."""

    def analyze(
        self,
        medium: Medium,  # noqa: ARG002
        *,
        explain: bool = False,  # noqa: ARG002
    ) -> AudioAnalysis:
        """Raises UnsupportedMedia."""
        raise UnsupportedMedia("This service is not set up to judge recordings.")


def load_voice(settings: Settings, *, calibrated: bool = True) -> VoiceAnalyzer | Silent:
    """What judges voices by these settings and models. Raises StartupError."""
    if settings.voice == "off" or not voice_folders(settings):
        return Silent()
    return VoiceAnalyzer.load(settings, calibrated=calibrated)


def voice_settings(settings: Settings) -> Settings:
    """Settings for voices: a calibration of their own, and no trained fusion."""
    own = {"data_dir": settings.data_dir / "voice", "calibration": None}
    fusion = "average" if settings.fusion == "stacking" else settings.fusion
    return settings.model_copy(update={**own, "fusion": fusion})


def _mean(probabilities: Sequence[float], weights: Sequence[int]) -> float:
    """Over windows, in log-odds; one with more speech counts more."""
    pairs = zip(probabilities, weights, strict=True)
    total = sum(log_odds(probability) * weight for probability, weight in pairs)
    return sigmoid(total / max(1, sum(weights)))


def _windows(cut: Sequence[Stretch], probabilities: Sequence[float]) -> tuple[Window, ...]:
    pairs = zip(cut, probabilities, strict=True)
    return tuple(Window(a / RATE, b / RATE, probability) for (a, b), probability in pairs)


def _analysis(recording: Sound, voice: Voice, policy: Policy, watch: Stopwatch) -> AudioAnalysis:
    """The judgement of a recording: its voice decides, advisory or not, for nothing else could."""
    found = voice.finding
    return AudioAnalysis(
        audio=recording.facts,
        **decided_by(found),
        reasons=found.reasons,
        fusion=policy.fusion.name,
        fingerprint=policy.fingerprint,
        timings=watch.timings(),
        findings=(found,),
        windows=voice.windows,
        speech_seconds=voice.speech_seconds,
    )
