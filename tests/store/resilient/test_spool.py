"""The journal of what the store could not take."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from service.errors import StoreUnavailable
from service.store.resilient.spool import Entry, Spool, Use
from tests.store.records import a_counter, a_result, in_processes


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool.db")


def test_entries_come_back_oldest_first_as_they_were(spool: Spool) -> None:
    result, counters = a_result(image=b"\x00\xff"), (a_counter(), a_counter("month", None))
    spool.put_use(counters, -2)
    spool.put_result(result)
    assert [each.content for each in spool.claim()] == [Use(counters, -2), result]


def test_a_claimed_entry_is_nobody_elses(spool: Spool) -> None:
    spool.put_use([a_counter()], 1)
    assert len(spool.claim()) == 1
    assert spool.claim() == []
    assert spool.pending() == 1


def test_a_released_entry_is_free_again_with_its_token(spool: Spool) -> None:
    spool.put_use([a_counter()], 1)
    first = spool.claim()
    spool.release(first)
    assert spool.claim() == first


def test_a_lease_ends(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool.db", lease=0.05)
    spool.put_use([a_counter()], 1)
    first = spool.claim()
    time.sleep(0.1)
    assert spool.claim() == first


def test_a_delivered_entry_is_gone(spool: Spool) -> None:
    spool.put_result(a_result(sha256="aa"))
    spool.done(spool.claim()[0])
    assert spool.pending() == 0
    assert spool.find_result("digest", "aa", "model-1") is None


def test_an_entry_that_is_refused_again_is_tried_later_and_later(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool.db", lease=0.05)
    spool.put_use([a_counter()], 1)
    for attempt in range(3):
        (entry,) = claimed_at_last(spool)
        assert (entry.attempts, entry.is_of_use) == (attempt, True)
        spool.refused(entry)
        start = time.monotonic()
        spool.release(claimed_at_last(spool))
        assert time.monotonic() - start >= 0.04 * 2**attempt
    assert spool.pending() == 1


def test_an_entry_is_of_use_until_the_last_of_it_has_expired(spool: Spool) -> None:
    past = time.time() - 1
    spool.put_use([a_counter("day", expires_at=past), a_counter("month")], 1)
    spool.put_use([a_counter("day", expires_at=past)], 1)
    spool.put_result(a_result())
    spool.put_result(a_result(expires_at=past))
    assert [entry.is_of_use for entry in spool.claim()] == [True, False, True, False]


def claimed_at_last(spool: Spool) -> list[Entry]:
    while not (entries := spool.claim()):
        time.sleep(0.002)
    return entries


def test_workers_claim_each_entry_once(spool: Spool, tmp_path: Path) -> None:
    for _ in range(40):
        spool.put_use([a_counter()], 1)

    def work(number: int) -> None:
        numbers = []
        while entries := spool.claim(3):
            numbers += [str(each.number) for each in entries]
        (tmp_path / f"claimed-{number}").write_text(" ".join(numbers))

    in_processes(4, work)
    claimed = " ".join(file.read_text() for file in tmp_path.glob("claimed-*")).split()
    assert sorted(map(int, claimed)) == list(range(1, 41))


def test_reading_makes_no_file(spool: Spool, tmp_path: Path) -> None:
    assert (spool.pending(), spool.claim(), spool.find_result("digest", "aa", "m")) == (0, [], None)
    assert list(tmp_path.iterdir()) == []


def test_without_a_folder_nothing_is_accepted(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnavailable):
        Spool(tmp_path / "file" / "spool.db").put_use([a_counter()], 1)
