"""Licences and quotas as a state machine: whatever the order of events, what was promised holds."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import settings as rules
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from service.errors import (
    FacegateError,
    LicenceExpired,
    LicenceRevoked,
    QuotaExceeded,
    StoreUnavailable,
)
from service.licensing import Licensing
from service.licensing.grant import Grant
from service.licensing.register import Register
from service.settings import Settings
from service.store.sqlite.store import SqliteStore
from tests.licensing.conftest import Clock, Switch
from tests.thorough import either

HOUR = 3600.0


class Licences(RuleBasedStateMachine):
    """One licence, two workers on one store; a model that counts by hand."""

    @initialize(per_day=st.integers(1, 6), hours=st.integers(1, 60), strict=st.booleans())
    def begin(self, per_day: int, hours: int, strict: bool) -> None:
        self._folder = tempfile.TemporaryDirectory()
        path = Path(self._folder.name)
        quota: Any = "strict" if strict else "lenient"
        self._settings = Settings(data_dir=path, quota=quota, licence_cache=0)
        self._clock, self._strict, self._per_day = Clock(), strict, per_day
        self._store = Switch(SqliteStore(path / "facegate.db"))
        self._workers = [self._worker(), self._worker()]
        self._end = self._clock.now + hours * HOUR
        self._hash_id, self._licence = self._workers[0].issue(
            "Bank", expires_at=self._end, per_day=per_day
        )
        self._revoked = False
        self._mark, self._seen = 0.0, [0.0, 0.0]  # the latest time: of the store, of each worker
        self._used: dict[int, int] = {}  # counted uses by day
        self._owed: dict[int, int] = {}
        self._grants: list[tuple[Licensing, Grant, int]] = []

    def _worker(self) -> Licensing:
        return Licensing(self._settings, self._store, self._clock)  # type: ignore[arg-type]

    @rule(worker=st.integers(0, 1), amount=st.integers(1, 3))
    def ask(self, worker: int, amount: int) -> None:
        answer = self._answer(worker, amount)
        now = self._time(worker)
        day = int(now // 86400)
        match answer:
            case LicenceExpired():
                assert now >= self._end
            case LicenceRevoked():
                assert self._revoked
            case QuotaExceeded():
                assert self._used.get(day, 0) + self._owed.get(day, 0) + amount > self._per_day
            case StoreUnavailable():
                assert self._store.away
            case Grant():
                assert now < self._end
                self._granted(self._workers[worker], answer, amount, day)

    def _answer(self, worker: int, amount: int) -> Grant | FacegateError:
        """The first question to a worker makes it look at the store's time."""
        licensing = self._workers[worker]
        looked = licensing._high_water._asked
        try:
            return licensing.authorise(self._hash_id, amount=amount)
        except FacegateError as error:
            return error
        finally:
            if licensing._high_water._asked != looked:
                self._look(worker)

    def _granted(self, licensing: Licensing, grant: Grant, amount: int, day: int) -> None:
        assert not (self._revoked and not self._store.away)
        assert not (self._strict and self._store.away)
        if grant.owed:
            self._owed[day] = self._owed.get(day, 0) + amount
        else:
            assert self._used.get(day, 0) + amount <= self._per_day
            self._used[day] = self._used.get(day, 0) + amount
            self._settled(licensing)
            self._grants.append((licensing, grant, day))

    def _settled(self, licensing: Licensing) -> None:
        """What was owed is counted by now, if no worker owes anything any more."""
        if not any(worker._owed for worker in self._workers):
            for day, amount in self._owed.items():
                self._used[day] = self._used.get(day, 0) + amount
            self._owed = {}

    @rule()
    def fail(self) -> None:
        """A request came to nothing."""
        if self._grants and not self._store.away:
            licensing, grant, day = self._grants.pop()
            licensing.refund(grant)
            self._used[day] -= grant.amount

    @rule(hours=st.integers(-40, 30))
    def turn_the_clock(self, hours: int) -> None:
        self._clock.turn(hours * HOUR)

    @rule()
    def housekeeping(self) -> None:
        for number, worker in enumerate(self._workers):
            worker.settle()
            self._look(number)
        if not self._store.away:
            self._settled(self._workers[0])

    @rule(away=st.booleans())
    def store(self, away: bool) -> None:
        self._store.away = away

    @rule()
    def restart(self) -> None:
        """A worker ends in order and another begins; housekeeping settled before."""
        if not self._store.away:
            self.housekeeping()
            self._workers[1], self._seen[1] = self._worker(), 0.0

    @rule()
    def revoke(self) -> None:
        if not self._store.away:
            key = self._workers[0]._register
            assert isinstance(key, Register)
            key.revoke(self._licence)
            self._revoked = True

    def _look(self, worker: int) -> None:
        if not self._store.away:
            self._mark = self._seen[worker] = max(self._mark, self._clock.now)

    def _time(self, worker: int) -> float:
        """What a worker goes by: never less than the mark that it saw last."""
        now, mark = self._clock.now, self._seen[worker]
        return mark if mark - now > 300 else now

    @invariant()
    def no_day_has_more_than_was_granted(self) -> None:
        if hasattr(self, "_store"):
            for day, used in self._used.items():
                assert used >= 0, day

    def teardown(self) -> None:
        if hasattr(self, "_folder"):
            self._store.store.close()
            self._folder.cleanup()


TestLicences = Licences.TestCase
TestLicences.settings = rules(max_examples=either(25, 12), stateful_step_count=25, deadline=None)
