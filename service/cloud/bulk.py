"""Judge many sources in this process, on all cores."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from service.cloud.sources import SourceBytes, label, read
from service.errors import FacegateError
from service.judging.judge import Judge
from service.judging.outcome import Outcome
from service.media.medium import Medium
from service.runtime.machine import usable_cores
from service.runtime.prefetch import prefetch_map
from service.runtime.reporting import listening
from service.settings import Settings

Advance = Callable[[float], object]
READERS = 8  # threads that read ahead of the judgement, for which most of S3's time is waiting


Loaded = tuple[str, SourceBytes | FacegateError]  # the source's name, and what came of reading it


def judge_all(
    judge: Judge,
    settings: Settings,
    sources: Sequence[str],
    explain: bool = False,
    advance: Advance = lambda _: None,
) -> Iterator[Outcome]:
    """Judge in the order of the sources, on all cores, reading ahead.

    `advance` is called with how many more are done, parts of one included.
    """
    cores = usable_cores()
    loads = prefetch_map(partial(_load, settings), sources, READERS, READERS + cores)
    yield from prefetch_map(partial(_outcome, judge, explain, advance), loads, cores, 2 * cores)


def _load(settings: Settings, source: str) -> Loaded:
    try:
        return label(source), read(source, settings)
    except FacegateError as error:
        return label(source), error


def _outcome(judge: Judge, explain: bool, advance: Advance, loaded: Loaded) -> Outcome:
    name, found = loaded
    if isinstance(found, FacegateError):
        advance(1)
        return Outcome(name, error=found)
    try:
        medium = Medium.of(found.data, name=name)
        with _part(advance):
            analysis = judge.judge(medium, owner=None, explain=explain).analysis
    except FacegateError as error:
        return Outcome(name, error=error, metadata=found.metadata)
    return Outcome(name, analysis=analysis, metadata=found.metadata)


@contextmanager
def _part(advance: Advance) -> Iterator[None]:
    """One medium: what it reports on the way, and the rest at its end."""
    told = 0.0

    def tell(done: float) -> None:
        nonlocal told
        advance(done - told)
        told = done

    try:
        with listening(tell):
            yield
    finally:
        advance(1 - told)
