"""Load the pipelines of one worker in the background, so that probes never wait for them.

Nothing native is opened before the fork: `start` is called in the worker (by gunicorn's hook, or by
its first request), and the imports of ONNX Runtime and OpenCV happen in there, too.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, Self, cast

import structlog

from service.errors import StartupError, Unavailable, UnsupportedMedia
from service.media.kinds import Kind
from service.runtime import metrics
from service.settings import Settings

if TYPE_CHECKING:
    from service.analysis.audio import VoiceAnalyzer
    from service.analysis.image import Analyzer, ModelInfo
    from service.analysis.pipelines import Pipeline
    from service.analysis.video import VideoPipeline

State = Literal["starting", "ready", "failed"]
PATIENCE = 5.0  # seconds that a request waits for models that are being loaded
log = structlog.get_logger()


class Loader:
    """Holds the analyzer of this process; `state` tells how far it is."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._pid = 0
        self._pipelines: Mapping[Kind, Pipeline] | None = None
        self._loaded = threading.Event()
        self.state: State = "starting"

    @classmethod
    def load(cls, settings: Settings) -> Self:
        """One that has loaded already, in a process that does not fork. Raises StartupError."""
        from service.analysis.image import Analyzer

        return cls.of(settings, Analyzer.load(settings))

    @classmethod
    def of(cls, settings: Settings, analyzer: Analyzer | VoiceAnalyzer | VideoPipeline) -> Self:
        """One with models that are loaded already."""
        from service.analysis.pipelines import load_pipelines

        loader = cls(settings)
        loader._pid = os.getpid()
        loader._pipelines = load_pipelines(settings, analyzer)
        loader.state = "ready"
        loader._loaded.set()
        return loader

    def pipeline(self, kind: Kind) -> Pipeline:
        """The pipeline of a kind of medium. Raises Unavailable or UnsupportedMedia."""
        if self._pipelines is None:
            raise Unavailable
        if kind not in self._pipelines:
            raise UnsupportedMedia
        return self._pipelines[kind]

    def start(self) -> None:
        """Begin to load, once in each process."""
        if self._pid == os.getpid():
            return
        with self._lock:
            if self._pid != os.getpid():
                self._pid = os.getpid()
                threading.Thread(target=self._load, name="engine", daemon=True).start()

    @property
    def analyzer(self) -> Analyzer:
        """The analyzer. Raises Unavailable while there is none."""
        return cast("Analyzer", self.pipeline("image"))

    @property
    def models(self) -> tuple[ModelInfo, ...]:
        """Those of all pipelines, each once. Raises Unavailable while there are none."""
        if self._pipelines is None:
            raise Unavailable
        every = (model for pipeline in self._pipelines.values() for model in pipeline.models)
        return tuple(dict.fromkeys(every))

    def model_card(self) -> dict[str, object]:
        """That of images, and below it those of the other kinds. Raises Unavailable."""
        cards: dict[str, Kind] = {"voice": "audio", "video": "video"}
        others = {name: self.pipeline(kind).model_card() for name, kind in cards.items()}
        known = {name: card for name, card in others.items() if card}
        return self.analyzer.model_card() | known

    def wait(self, timeout: float = PATIENCE) -> None:
        """Wait until loading came to an end, good or bad, or `timeout` seconds have passed."""
        self._loaded.wait(timeout)

    def _load(self) -> None:
        try:
            self._open()
        finally:
            self._loaded.set()

    def _open(self) -> None:
        try:
            from service.analysis.pipelines import load_pipelines

            self._pipelines = load_pipelines(self._settings)
        except StartupError as error:
            self._fail(error.sentence, error.remedy)
        except Exception:
            log.exception("engine failed")
            self._fail("The models could not be loaded.", "Run `facegate doctor`.")
        else:
            self._succeed(self.analyzer, self._pipelines)

    # The state comes last: whoever sees it finds the metric and the line of the log there already.
    def _succeed(self, analyzer: Analyzer, pipelines: Mapping[Kind, Pipeline]) -> None:
        for kind, pipeline in pipelines.items():
            if pipeline.ignored_calibration:
                reason = "it was fitted for other models"
                log.warning("calibration ignored", reason=reason, of=kind)
        if misfit := analyzer.policy.misfit:
            log.warning("trained fusion not in force", reason=misfit[0], remedy=misfit[1])
        log.info("ready", models=[f"{m.name} {m.version}" for m in self.models])
        metrics.worker_is_ready()
        self.state = "ready"

    def _fail(self, sentence: str, remedy: str) -> None:
        log.error("cannot start", reason=sentence, remedy=remedy)
        self.state = "failed"
