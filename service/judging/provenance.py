"""Provenance of what is judged: facts out of its bytes, rules over them, pictures seen before."""

from __future__ import annotations

import secrets
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from service.analysis.judgement import Analysis, ImageAnalysis
from service.errors import ProvenanceRefused
from service.media.medium import Medium
from service.provenance.facts import Facts, Provenance
from service.provenance.rules import load_rules
from service.runtime import metrics
from service.runtime.secrets import create_once
from service.settings import Settings
from service.store.base import Store

if TYPE_CHECKING:  # they open OpenCV, which waits for the fork
    from service.judging.seen import SeenBefore
    from service.provenance.inspector import Inspector


class ProvenanceJudge:
    """Adds findings to the judgements of pictures. Safe for threads."""

    def __init__(self, settings: Settings, store: Store) -> None:
        """Raises StartupError where the rules or the key are unusable."""
        self._settings, self._store = settings, store
        self._on = settings.provenance == "on"
        if self._on:
            load_rules(settings)
        if self._on and settings.provenance_seen:
            picture_key(settings)

    def add(self, medium: Medium, analysis: Analysis, owner: str) -> Analysis:
        """The judgement with what holds now; a kept one has the facts already.

        Raises ProvenanceRefused.
        """
        if not self._on or not isinstance(analysis, ImageAnalysis):
            return analysis
        facts = self._facts(medium, analysis)
        seen = self._seen.before(medium, owner) if self._settings.provenance_seen else ()
        found = self._inspector.judge(facts, seen)
        for signal in found.signals:
            metrics.PROVENANCE.labels(signal.rule, signal.action).inc()
        _refuse(found)
        return replace(analysis, provenance=found)

    @cached_property
    def _inspector(self) -> Inspector:
        from service.provenance.inspector import Inspector

        return Inspector(self._settings)

    @cached_property
    def _seen(self) -> SeenBefore:
        from service.judging.seen import SeenBefore

        return SeenBefore(self._settings, self._store)

    def _facts(self, medium: Medium, analysis: ImageAnalysis) -> Facts:
        """Those of another rule set are found again, since it names the marks."""
        kept = analysis.provenance
        if kept is not None and kept.rules in ("", self._inspector.rules.name):
            return kept.facts
        facts = self._inspector.facts(medium.read())
        # What only pixels tell does not hang on the rules.
        pixels = kept.facts if kept else facts
        return replace(
            facts,
            width=analysis.image.width,
            height=analysis.image.height,
            thumbnail=pixels.thumbnail,
            saved_before=pixels.saved_before,
            enlarged=pixels.enlarged,
        )


def picture_key(settings: Settings) -> bytes:
    """The key of perceptual hashes: from the settings, or made once in the data folder.

    Raises StartupError.
    """
    given = settings.secret("provenance_key")
    made = given or create_once(settings.data_dir / "provenance.key", secrets.token_urlsafe(32))
    return made.encode()


def _refuse(found: Provenance) -> None:
    refusing = next((one for one in found.signals if one.action == "refuse"), None)
    if refusing is not None:
        raise ProvenanceRefused(refusing.rule, refusing.sentence)
