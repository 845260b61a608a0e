"""Which pipeline analyses which kind of medium. A new kind is one decoder and one entry here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from service.analysis.image import Analyzer
from service.analysis.judgement import Analysis
from service.media.kinds import Kind
from service.media.medium import Medium
from service.settings import Settings


class Pipeline(Protocol):
    """Analyses media of one kind. Safe to share between threads."""

    @property
    def fingerprint(self) -> str:
        """Short hash of everything that an answer depends on besides the medium."""

    def analyze(self, medium: Medium, *, explain: bool = False) -> Analysis:
        """The judgement; `explain` adds a heat map where there is one."""


PIPELINES: Mapping[Kind, Callable[[Settings], Pipeline]] = {"image": Analyzer.load}
