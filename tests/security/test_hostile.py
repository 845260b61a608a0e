"""Every route under bad input: a refusal in our form or none, no innards, nothing in the log."""

from __future__ import annotations

import os
import re

import psutil

from tests.faults.load import fresh_selfie
from tests.live import Live
from tests.security.hostile import Hostile, leaks

COUNT = int(os.environ.get("FACEGATE_HOSTILE", "600"))
STATUS = re.compile(rb"^HTTP/1\.[01] (\d{3}) ")
ADDRESS = re.compile(r"127\.0\.0\.1|\b\d{1,3}(?:\.\d{1,3}){3}\b(?!\")")


def test_bad_inputs_are_refused_and_leave_nothing_behind(fort: Live) -> None:
    before = {one.pid for one in psutil.Process(fort.process.pid).children()}
    start = len(fort.log())
    hostile = Hostile(fort, seed=25)
    for _ in range(COUNT):
        answer = hostile.one()
        assert not leaks(answer)
        assert fort.hash_id.encode() not in answer
        if status := STATUS.match(answer):
            assert int(status[1]) not in (500, 502), answer[:300]
    assert {one.pid for one in psutil.Process(fort.process.pid).children()} == before
    assert fort.analyze(fresh_selfie()).status_code == 200
    written = fort.log()[start:]
    assert "Traceback" not in written
    assert fort.hash_id not in written
    assert not re.search(r"fg_\w|Bearer|data:image|password=", written)
    assert not ADDRESS.search(written)
