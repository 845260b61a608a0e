"""A MongoDB that is killed, frozen and started again under a store in use."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from service.errors import StoreUnavailable
from service.store.mongo.store import MongoStore
from service.store.resilient.spool import Spool
from service.store.resilient.store import ResilientStore
from tests.servers import MongoServer, free_port
from tests.store.records import Seen, a_counter, a_licence, a_result, answers, eventually

FIRST, LATER = 0.6, 0.05  # seconds; the contract says 0.3 and "at once"
OpenMongo = Callable[..., MongoStore]


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool.db", lease=2.0)


@pytest.fixture
def store(open_mongo: OpenMongo, spool: Spool, seen: Seen) -> Iterator[ResilientStore]:
    store = ResilientStore(open_mongo(0.25), spool, retry=0.1, observe=seen)
    eventually(lambda: answers(store))
    yield store
    store.close()


@pytest.fixture
def lonely(spool: Spool, seen: Seen) -> Iterator[ResilientStore]:
    """A store whose server never was there."""
    primary = MongoStore(f"mongodb://127.0.0.1:{free_port()}/", "x", 0.25)
    store = ResilientStore(primary, spool, retry=0.1, observe=seen)
    yield store
    store.close()


def seconds(call: Callable[[], object]) -> float:
    start = time.monotonic()
    try:
        call()
    except StoreUnavailable:
        return time.monotonic() - start
    pytest.fail("the store was expected to be away")


def all_delivered(store: ResilientStore) -> bool:
    return store.available and store.pending() == 0


@pytest.mark.parametrize("fault", ["kill", "pause"])
def test_a_stopped_server_costs_one_call_its_timeout(
    store: ResilientStore, fallible_server: MongoServer, fault: str
) -> None:
    getattr(fallible_server, fault)()
    first = seconds(lambda: [store.get_licence("digest") for _ in range(1000)])
    later = [seconds(lambda: store.get_licence("digest")) for _ in range(20)]
    assert first < FIRST
    assert sorted(later)[10] < LATER
    assert not store.available


def test_requests_never_probe(lonely: ResilientStore) -> None:
    """Not even long after: only the daemon thread waits for a server that does not answer."""
    seconds(lonely.ping)
    deadline = time.monotonic() + 1.0
    while time.monotonic() < deadline:
        assert seconds(lonely.ping) < FIRST / 3
        time.sleep(0.02)


def test_results_written_meanwhile_arrive_once(
    store: ResilientStore, fallible_server: MongoServer, seen: Seen, spool: Spool
) -> None:
    before, during = a_result(id="before"), [a_result(id=f"during-{n}") for n in range(30)]
    store.put_result(before)
    fallible_server.kill()
    for result in during:
        store.put_result(result)
    assert spool.pending() == store.pending() == 30
    fallible_server.start()
    eventually(lambda: all_delivered(store))
    kept = store.list_results("digest", 100)
    assert {each.id: each for each in kept} == {each.id: each for each in [before, *during]}
    assert seen.events == {("spooled", "result"): 30, ("replayed", "result"): 30}


def test_killed_in_the_middle_of_a_stream_of_writes_loses_nothing(
    store: ResilientStore, fallible_server: MongoServer, seen: Seen
) -> None:
    for number in range(90):
        if number == 30:
            fallible_server.kill()
        if number == 60:
            fallible_server.start()
        store.put_result(a_result(id=str(number)))
    eventually(lambda: all_delivered(store))
    assert {each.id for each in store.list_results("digest", 200)} == {str(n) for n in range(90)}
    assert seen.events["lost", "result"] == 0


def test_images_survive_the_spool(store: ResilientStore, fallible_server: MongoServer) -> None:
    fallible_server.kill()
    result = a_result(image=bytes(range(256)))
    store.put_result(result)
    fallible_server.start()
    eventually(lambda: all_delivered(store))
    assert store.get_result("digest", result.id) == result


def test_nobody_is_turned_away_and_every_use_is_counted(
    store: ResilientStore, fallible_server: MongoServer, seen: Seen
) -> None:
    quota = [a_counter("day", 3), a_counter("month", 100)]
    assert store.take(quota, 2)
    fallible_server.kill()
    assert all(store.take(quota) for _ in range(10))
    store.give_back(quota)
    fallible_server.start()
    eventually(lambda: all_delivered(store))
    assert (store.usage("day"), store.usage("month")) == (11, 11)
    assert not store.take(quota)
    assert seen.events == {("spooled", "use"): 11, ("replayed", "use"): 11}


def test_the_cache_answers_from_the_spool(lonely: ResilientStore) -> None:
    with pytest.raises(StoreUnavailable):
        lonely.find_result("digest", "aa", "model-1")
    result = a_result(sha256="aa")
    for each in (a_result(sha256="aa"), result, a_result(sha256="aa", expires_at=1.0)):
        lonely.put_result(each)
    assert lonely.find_result("digest", "aa", "model-1") == result
    for licence, model in (("digest", "model-2"), ("another", "model-1")):
        with pytest.raises(StoreUnavailable):
            lonely.find_result(licence, "aa", model)


def test_what_cannot_be_answered_is_said_and_counted(lonely: ResilientStore, seen: Seen) -> None:
    calls: dict[str, Callable[[], object]] = {
        "get_result": lambda: lonely.get_result("digest", "id"),
        "list_results": lambda: lonely.list_results("digest", 5),
        "get_licence": lambda: lonely.get_licence("digest"),
        "list_licences": lonely.list_licences,
        "put_licence": lambda: lonely.put_licence(a_licence()),
        "usage": lambda: lonely.usage("key"),
        "purge": lambda: lonely.purge(0.0),
        "ping": lonely.ping,
    }
    for call in calls.values():
        with pytest.raises(StoreUnavailable):
            call()
    assert seen.errors == dict.fromkeys(calls, 1)


def test_a_healthy_service_makes_no_spool(
    store: ResilientStore, spool: Spool, tmp_path: Path
) -> None:
    store.put_result(a_result())
    assert (store.pending(), list(tmp_path.iterdir())) == (0, [])


def test_without_a_place_for_the_spool_a_write_is_lost_and_says_so(
    seen: Seen, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    primary = MongoStore(f"mongodb://127.0.0.1:{free_port()}/", "x", 0.25)
    store = ResilientStore(primary, Spool(tmp_path / "file" / "s.db"), retry=5, observe=seen)
    for write in (lambda: store.put_result(a_result()), lambda: store.take([a_counter()])):
        with pytest.raises(StoreUnavailable):
            write()
    assert seen.events == {("lost", "result"): 1, ("lost", "use"): 1}
    store.close()


def test_a_new_process_delivers_what_an_old_one_left(
    open_mongo: OpenMongo, fallible_server: MongoServer, spool: Spool
) -> None:
    """The old one is killed with -9 right after it was told that its writes are safe."""

    def work() -> None:
        store = ResilientStore(open_mongo(0.25), spool, retry=60)
        for number in range(5):
            store.put_result(a_result(id=str(number)))
            store.take([a_counter(limit=None)])
        os.kill(os.getpid(), signal.SIGKILL)

    fallible_server.kill()
    old = multiprocessing.get_context("fork").Process(target=work)
    old.start()
    old.join()
    assert (old.exitcode, spool.pending()) == (-signal.SIGKILL, 10)
    fallible_server.start()
    new = ResilientStore(open_mongo(), spool, retry=0.1)
    new.ping()
    eventually(lambda: all_delivered(new))
    assert (len(new.list_results("digest", 9)), new.usage("digest/day")) == (5, 5)
    new.close()


def test_a_worker_that_died_while_delivering_counts_nothing_twice(
    open_mongo: OpenMongo, spool: Spool
) -> None:
    for _ in range(4):
        spool.put_use([a_counter("day", 1), a_counter("month", 1)], 1)
        spool.put_result(a_result())
    for entry in spool.claim()[:5]:  # told to the primary; death comes before `done`
        if entry.kind == "use":
            open_mongo().add_once(entry.token, entry.content.counters, entry.content.amount)
        else:
            open_mongo().put_result(entry.content)
    assert spool.claim() == []  # the lease holds, for now
    store = ResilientStore(open_mongo(), spool, retry=0.1)
    store.ping()
    eventually(lambda: all_delivered(store))
    assert (store.usage("day"), store.usage("month")) == (4, 4)
    assert len(store.list_results("digest", 9)) == 4
    store.close()


def test_workers_deliver_together_and_count_nothing_twice(
    open_mongo: OpenMongo, fallible_server: MongoServer, spool: Spool
) -> None:
    """Four workers write while the server is away; it comes back while they still write."""
    inherited = ResilientStore(open_mongo(0.25), spool, retry=0.1)
    inherited.ping()
    fallible_server.kill()
    eventually(lambda: not inherited.available)

    def work(number: int) -> None:
        for turn in range(25):
            inherited.put_result(a_result(id=f"{number}-{turn}"))
            inherited.take([a_counter("uses", None)])
            time.sleep(0.02)
        eventually(lambda: all_delivered(inherited))

    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=work, args=(number,)) for number in range(4)]
    for worker in workers:
        worker.start()
    eventually(lambda: spool.pending() > 60)
    fallible_server.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0] * 4
    eventually(lambda: answers(inherited))
    assert inherited.usage("uses") == 100
    assert len(inherited.list_results("digest", 500)) == 100
    inherited.close()


def test_each_process_has_its_own_watch(
    store: ResilientStore, fallible_server: MongoServer
) -> None:
    """A child that inherits an open breaker must find out by itself that the server is back."""
    fallible_server.kill()
    eventually(lambda: not store.available)
    child = multiprocessing.get_context("fork").Process(
        target=lambda: eventually(lambda: answers(store))
    )
    child.start()
    fallible_server.start()
    child.join(30)
    assert child.exitcode == 0
