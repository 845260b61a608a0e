"""The graph that serves hears what training heard: golden against torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from service.analysis.detectors.voice import OnnxVoiceDetector  # noqa: E402
from training.voice.export import export, torch_logit  # noqa: E402
from training.voice.nets import VoiceNet  # noqa: E402


def drawn(phase: bool) -> VoiceNet:
    """A network whose normalisations are not those it began with."""
    torch.manual_seed(0)
    net = VoiceNet(phase)
    for module in net.modules():
        if hasattr(module, "running_mean"):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    return net.eval()


@pytest.mark.parametrize("kinds", [(False,), (True,), (False, True)])
def test_the_same_logit(tmp_path: Path, kinds: tuple[bool, ...]) -> None:
    nets = [drawn(kind) for kind in kinds]
    assert export(nets, tmp_path / "v", "1.0.0") < 1e-3
    detector = OnnxVoiceDetector(tmp_path / "v", bpcer=0.05)
    sound = np.random.default_rng(0).normal(0, 0.1, 50_001).astype(np.float32)
    assert detector.logit(sound) == pytest.approx(torch_logit(nets, sound[None]), abs=1e-3)
    assert detector.logit(sound * 0.1) == pytest.approx(detector.logit(sound), abs=0.02)  # level
