"""The only road to a judgement: recall it, or analyse under the concurrency limit; then record."""

from __future__ import annotations

from dataclasses import dataclass
from threading import TIMEOUT_MAX
from typing import TYPE_CHECKING, Self

from service.analysis.judgement import Analysis
from service.audit import AuditLog, open_audit
from service.errors import CannotJudge, ProvenanceRefused
from service.judging.loader import Loader
from service.judging.provenance import ProvenanceJudge
from service.judging.recorder import OPERATOR, Recorder
from service.media.medium import Medium
from service.runtime.limits.concurrency import ConcurrencyLimit
from service.runtime.machine import usable_cores
from service.settings import Settings
from service.store.base import Store
from service.store.null.store import NullStore

if TYPE_CHECKING:
    from service.analysis.audio import VoiceAnalyzer
    from service.analysis.image import Analyzer
    from service.analysis.pipelines import Pipeline
    from service.analysis.video import VideoPipeline

PATIENT = 10_000  # that may wait where nobody is sent away


@dataclass(frozen=True)
class Judged:
    """A judgement and how it came about; `stored` is False when no store could keep it."""

    id: str
    analysis: Analysis
    cached: bool
    stored: bool


class Judge:
    """Judges images, for HTTP, the queue and the command line alike. Safe for threads."""

    def __init__(
        self,
        settings: Settings,
        loader: Loader,
        store: Store,
        limit: ConcurrencyLimit,
        audit: AuditLog | None = None,
    ) -> None:
        """audit: where another judge of this process has opened it already.

        Raises StartupError where the rules of provenance are unusable.
        """
        self._loader = loader
        self._recorder = Recorder(settings, store, audit or open_audit(settings, store))
        self._provenance = ProvenanceJudge(settings, store)
        self._limit = limit

    @classmethod
    def load(cls, settings: Settings, store: Store | None = None, slots: int | None = None) -> Self:
        """One for a process without HTTP: models loaded, and who comes waits for a slot.

        Without a store it remembers nothing; without `slots` there is one a core.
        Raises StartupError.
        """
        limit = ConcurrencyLimit(slots or usable_cores(), PATIENT, TIMEOUT_MAX)
        return cls(settings, Loader.load(settings), store or NullStore(), limit)

    @classmethod
    def of(cls, settings: Settings, analyzer: Analyzer | VoiceAnalyzer | VideoPipeline) -> Self:
        """One like that of `load`, with models that are loaded already."""
        limit = ConcurrencyLimit(usable_cores(), PATIENT, TIMEOUT_MAX)
        return cls(settings, Loader.of(settings, analyzer), NullStore(), limit)

    @property
    def fingerprint(self) -> str:
        """Short hash of all that an answer depends on besides the image. Raises Unavailable."""
        return self._loader.analyzer.fingerprint

    def judge(self, medium: Medium, *, owner: str | None, explain: bool = False) -> Judged:
        """Judge a medium; `owner` is the digest of a licence, None the operator.

        Raises UnsupportedMedia for a kind without a pipeline, ImageError, CannotJudge,
        ProvenanceRefused, Unavailable or Overloaded; a store that is away only shows in `stored`.
        """
        try:
            analysis, cached = self._answer(medium, owner, explain)
            analysis = self._provenance.add(medium, analysis, owner or OPERATOR)
        except (CannotJudge, ProvenanceRefused) as error:
            self._recorder.refuse(medium, error, owner)
            raise
        result_id, stored = self._recorder.record(medium, analysis, owner)
        return Judged(result_id, analysis, cached, stored)

    def _answer(self, medium: Medium, owner: str | None, explain: bool) -> tuple[Analysis, bool]:
        pipeline = self._pipeline(medium)
        # A heat map is not kept, so a request for one is never answered from the cache.
        fingerprint = pipeline.fingerprint
        kept = None if explain else self._recorder.recall(owner, medium.sha256, fingerprint)
        if kept is not None:
            return kept, True
        with self._limit.enter():
            analysis = pipeline.analyze(medium, explain=explain)
        self._recorder.count(analysis)
        return analysis, False

    def _pipeline(self, medium: Medium) -> Pipeline:
        """One worker may still load while another one says that the service is live: wait a bit."""
        if self._loader.state == "starting":
            with self._limit.enter():
                self._loader.wait()
        return self._loader.pipeline(medium.kind)
