"""One road for every contract: bytes in; cache, gate, analyzer and store; a judgement out."""

from __future__ import annotations

import hashlib
import time
import uuid
from dataclasses import dataclass
from threading import TIMEOUT_MAX
from typing import TYPE_CHECKING, Self

from service.analysis.judgement import Analysis
from service.analysis.records import UnreadableRecord, from_record, to_record
from service.errors import StoreUnavailable
from service.judging.loader import Engine
from service.runtime import metrics
from service.runtime.gate import Gate
from service.runtime.machine import usable_cores
from service.settings import Settings
from service.store.base import Store, StoredResult
from service.store.null.store import NullStore

if TYPE_CHECKING:
    from service.analysis.image import Analyzer

OPERATOR = "operator"  # whose results no licence reads: no digest looks so
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

    def __init__(self, settings: Settings, engine: Engine, store: Store, gate: Gate) -> None:
        self._settings = settings
        self._engine = engine
        self._store = store
        self._gate = gate

    @classmethod
    def load(cls, settings: Settings, store: Store | None = None, slots: int | None = None) -> Self:
        """One for a process without HTTP: models loaded, and who comes waits for a slot.

        Without a store it remembers nothing; without `slots` there is one a core.
        Raises StartupError.
        """
        gate = Gate(slots or usable_cores(), PATIENT, TIMEOUT_MAX)
        return cls(settings, Engine.load(settings), store or NullStore(), gate)

    @property
    def fingerprint(self) -> str:
        """Of everything that an answer depends on besides the image. Raises Unavailable."""
        return self._engine.analyzer.fingerprint

    def judge(self, data: bytes, owner: str | None, *, explain: bool = False) -> Judged:
        """Judge encoded image bytes; `owner` is the digest of a licence, None the operator.

        Raises ImageError, CannotJudge, Unavailable or Overloaded; a store that is away only
        shows in `stored`.
        """
        analysis, cached = self._answer(data, explain)
        _count(analysis)
        result_id = f"res_{uuid.uuid4().hex}"
        stored = self._remember(result_id, data, analysis, owner)
        return Judged(result_id, analysis, cached, stored)

    def _answer(self, data: bytes, explain: bool) -> tuple[Analysis, bool]:
        analyzer = self._analyzer()
        # A heat map is not kept, so a request for one is never answered from the cache.
        kept = None if explain else self._recall(data, analyzer.fingerprint)
        if kept is not None:
            metrics.CACHE_HITS.inc()
            return kept, True
        with self._gate.enter():
            analysis = analyzer.analyze(data, explain=explain)
        metrics.CACHE_MISSES.inc()
        for stage, milliseconds in analysis.timings.items():
            metrics.STAGE_SECONDS.labels(stage).observe(milliseconds / 1000)
        return analysis, False

    def _analyzer(self) -> Analyzer:
        """One worker may still load while another one says that the service is live: wait a bit."""
        if self._engine.state == "starting":
            with self._gate.enter():
                self._engine.settle()
        return self._engine.analyzer

    def _recall(self, data: bytes, fingerprint: str) -> Analysis | None:
        try:
            kept = self._store.find_result(hashlib.sha256(data).hexdigest(), fingerprint)
        except StoreUnavailable:
            return None
        try:
            return from_record(kept.analysis) if kept else None
        except UnreadableRecord:  # judged again, and kept in a form that can be read
            return None

    def _remember(self, result_id: str, data: bytes, analysis: Analysis, owner: str | None) -> bool:
        now = time.time()
        result = StoredResult(
            id=result_id,
            licence=owner or OPERATOR,
            sha256=analysis.image.sha256,
            fingerprint=analysis.fingerprint,
            created_at=now,
            expires_at=now + self._settings.result_ttl,
            analysis=to_record(analysis),
            image=data if self._settings.store_images else None,
        )
        try:
            self._store.put_result(result)
        except StoreUnavailable:
            return False
        return self._store.kind != "null"


def _count(analysis: Analysis) -> None:
    metrics.SCORE.observe(analysis.score)
    metrics.DECISIONS.labels(analysis.decision).inc()
