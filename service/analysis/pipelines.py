"""Which pipeline analyses which kind of medium. A new kind is one decoder and one entry here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, cast

from service.analysis.audio import VoiceAnalyzer, load_voice
from service.analysis.image import Analyzer, ModelInfo
from service.analysis.judgement import Analysis
from service.analysis.video import VideoPipeline
from service.media.kinds import Kind
from service.media.medium import Medium
from service.settings import Settings


class Pipeline(Protocol):
    """Analyses media of one kind. Safe to share between threads."""

    @property
    def fingerprint(self) -> str:
        """Short hash of everything that an answer depends on besides the medium."""

    @property
    def ignored_calibration(self) -> bool:
        """Whether there is a calibration that was fitted for other models."""

    @property
    def models(self) -> Sequence[ModelInfo]:
        """Those that it asks."""

    def model_card(self) -> dict[str, object] | None:
        """What there is to tell of them, ready for JSON."""

    def analyze(self, medium: Medium, *, explain: bool = False) -> Analysis:
        """The judgement; `explain` adds a heat map where there is one. Reports its progress."""


Pipelines = Mapping[Kind, Pipeline]
# Each is given those before it: a video is judged by the models of images, and by its sound.
PIPELINES: Mapping[Kind, Callable[[Settings, Pipelines], Pipeline]] = {
    "image": lambda settings, _: Analyzer.load(settings),
    "audio": lambda settings, _: load_voice(settings),
    "video": lambda settings, before: VideoPipeline(
        settings, cast("Analyzer", before["image"]), before.get("audio")
    ),
}


def load_pipelines(
    settings: Settings, analyzer: Analyzer | VoiceAnalyzer | VideoPipeline | None = None
) -> Pipelines:
    """One of each kind; `analyzer`: that of images where it is loaded already, or one that judges
    voices or videos, and then nothing else is judged; of a video its voice.

    Raises StartupError.
    """
    if isinstance(analyzer, VoiceAnalyzer):
        return {"audio": analyzer, "video": analyzer}
    if isinstance(analyzer, VideoPipeline):
        return {"video": analyzer}
    loaded: dict[Kind, Pipeline] = {} if analyzer is None else {"image": analyzer}
    for kind, load in PIPELINES.items():
        if kind not in loaded:
            loaded[kind] = load(settings, loaded)
    return loaded
