"""A hash_id is nowhere: not in files, not in logs, not in what a debugger prints."""

from __future__ import annotations

import contextlib
import traceback

import pytest
import structlog

from service.errors import FacegateError
from service.licensing import Licensing
from service.settings import Settings
from tests.licensing.conftest import Clock, Switch


def live_a_day(licensing: Licensing, store: Switch, clock: Clock) -> tuple[str, list[object]]:
    """Everything that a licence can go through; returns what came out on the way."""
    hash_id, licence = licensing.issue("Bank", per_day=2)
    seen: list[object] = [licence, licensing]
    for away in (False, True, False, False):
        store.away = away
        clock.turn(60)
        for key in (hash_id, hash_id[:-1]):
            with contextlib.suppress(FacegateError):
                grant = licensing.authorise(key)
                licensing.refund(grant)
                seen.append(grant)
    for _ in range(3):
        try:
            licensing.authorise(hash_id, amount=2)
        except FacegateError as error:
            seen += [error, "".join(traceback.format_exception(error))]
    store.store.close()  # SQLite's log goes into its file
    return hash_id, seen


def test_it_is_in_no_file(
    licensing: Licensing, store: Switch, clock: Clock, settings: Settings
) -> None:
    hash_id, _ = live_a_day(licensing, store, clock)
    files = [path for path in settings.data_dir.rglob("*") if path.is_file()]
    assert {path.name for path in files} >= {"facegate.db", "digest.key"}
    assert not any(hash_id[3:].encode() in path.read_bytes() for path in files)


def test_it_is_in_no_log_and_no_repr(
    licensing: Licensing, store: Switch, clock: Clock, capfd: pytest.CaptureFixture[str]
) -> None:
    with structlog.testing.capture_logs() as logs:
        hash_id, seen = live_a_day(licensing, store, clock)
    output = capfd.readouterr()  # where lines go once another test has set up logging
    assert logs or output.err  # there was something to say, the store being away
    assert hash_id[3:] not in f"{logs} {seen} {output}"
