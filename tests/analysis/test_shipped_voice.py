"""The shipped voice detector: golden scores, and that copies of a voice score above it."""

from __future__ import annotations

import numpy as np
import pytest

from service.analysis.audio import VoiceAnalyzer
from service.settings import Settings
from tests.voices import spoken
from training.voice.copies import disturbed_phase, griffin_lim


@pytest.fixture(scope="module")
def analyzer() -> VoiceAnalyzer:
    return VoiceAnalyzer.load(Settings())


def test_golden(analyzer: VoiceAnalyzer) -> None:
    found = analyzer.judge(spoken()).finding
    assert found.probability == pytest.approx(0.1660, abs=0.005)
    assert (found.decision, found.advisory, found.bpcer) == ("bona_fide", True, 0.05)


def test_copies_score_higher(analyzer: VoiceAnalyzer) -> None:
    for copy in (griffin_lim, disturbed_phase):
        sound = copy(spoken(), np.random.default_rng(0))
        assert analyzer.judge(sound).finding.probability > 0.4
