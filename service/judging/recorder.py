"""The only writer of results, and of metrics about judgements."""

from __future__ import annotations

import time
import uuid

from service.analysis.judgement import Analysis
from service.analysis.records import UnreadableRecord, from_record, to_record
from service.audit import AuditLog
from service.errors import CannotJudge, ProvenanceRefused, StoreUnavailable
from service.media.medium import Medium
from service.runtime import metrics
from service.runtime.origin import contract
from service.settings import Settings
from service.store.base import Store, StoredResult

OPERATOR = "operator"  # whose results no licence reads: no digest looks so


class Recorder:
    """Safe for threads. A store that is away is nobody's failure."""

    def __init__(self, settings: Settings, store: Store, audit: AuditLog) -> None:
        self._settings, self._store, self._audit = settings, store, audit

    def recall(self, owner: str | None, sha256: str, fingerprint: str) -> Analysis | None:
        """What the same models said of the same bytes before, where the same owner asked."""
        try:
            kept = self._store.find_result(owner or OPERATOR, sha256, fingerprint)
            analysis = from_record(kept.analysis) if kept else None
        except (StoreUnavailable, UnreadableRecord):  # judged again, and kept again
            return None
        if analysis is not None:
            metrics.CACHE_HITS.inc()
        return analysis

    def count(self, analysis: Analysis) -> None:
        """Count what was just judged, and how long each stage took."""
        metrics.CACHE_MISSES.inc()
        for stage, milliseconds in analysis.timings.items():
            metrics.STAGE_SECONDS.labels(stage).observe(milliseconds / 1000)

    def record(self, medium: Medium, analysis: Analysis, owner: str | None) -> tuple[str, bool]:
        """Count and keep an answer; its id, and whether a store keeps it.

        Raises AuditUnavailable where no answer may leave without an entry in the audit log.
        """
        result = self._result(medium, analysis, owner)
        self._audit.write("judgement", **_facts(medium, owner), **_outcome(result.id, analysis))
        metrics.SCORE.observe(analysis.score)
        metrics.DECISIONS.labels(analysis.decision).inc()
        for finding in analysis.findings:
            metrics.FINDINGS.labels(finding.task, finding.decision).inc()
        try:
            self._store.put_result(result)
        except StoreUnavailable:
            return result.id, False
        return result.id, self._store.kind != "null"

    def _keeps(self, medium: Medium) -> bool:
        """Whether the bytes are kept; those of videos and recordings are too many."""
        return self._settings.store_images and medium.kind == "image"

    def refuse(
        self, medium: Medium, error: CannotJudge | ProvenanceRefused, owner: str | None
    ) -> None:
        """Note that no answer could be given. Raises AuditUnavailable."""
        rule = [error.rule] if isinstance(error, ProvenanceRefused) else []
        self._audit.write("refusal", **_facts(medium, owner), reasons=[error.code, *rule])

    def _result(self, medium: Medium, analysis: Analysis, owner: str | None) -> StoredResult:
        now = time.time()
        return StoredResult(
            id=f"res_{uuid.uuid4().hex}",
            licence=owner or OPERATOR,
            sha256=medium.sha256,
            fingerprint=analysis.fingerprint,
            created_at=now,
            expires_at=now + self._settings.result_ttl,
            analysis=to_record(analysis),
            image=medium.read() if self._keeps(medium) else None,
            contract=contract(),
        )


def _facts(medium: Medium, owner: str | None) -> dict[str, str]:
    """What came in, by whom and how: never the medium, nor its name."""
    facts = {"actor": owner or OPERATOR, "contract": contract()}
    return facts | {"medium": medium.kind, "sha256": medium.sha256}


def _outcome(result_id: str, analysis: Analysis) -> dict[str, object]:
    return {
        "result": result_id,
        "decision": analysis.decision,
        "score": analysis.score,
        "threshold": analysis.threshold,
        "bpcer": analysis.bpcer,
        "model": analysis.fingerprint,
        "reasons": list(analysis.reasons),
    }
