"""What is MongoDB's own: credentials, indexes, time-outs, tokens."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pymongo
import pytest
from structlog.testing import capture_logs

from service.errors import StartupError, StoreUnavailable
from service.store.base import EntryRefused
from service.store.counter import Counter
from service.store.mongo.store import MongoStore
from service.store.mongo.uri import mongo_uri
from service.store.resilient.store import ResilientStore
from tests.faults.proxy import Proxy
from tests.servers import MongoServer, free_port
from tests.store.records import (
    DIGEST,
    a_counter,
    a_licence,
    a_result,
    a_settings,
    eventually,
    in_processes,
)


def seconds_to_fail(call: Callable[[], object]) -> float:
    start = time.monotonic()
    with pytest.raises(StoreUnavailable):
        call()
    return time.monotonic() - start


def test_the_configured_uri_is_used_as_it_is() -> None:
    uri = "mongodb://h1:1,h2:2/?replicaSet=rs"
    assert mongo_uri(a_settings(mongodb_uri=uri, mongodb_user="u", mongodb_pass="p")) == uri


def test_a_linked_container_without_credentials_gets_none() -> None:
    assert mongo_uri(a_settings()) == "mongodb://mongodb-local:27017/"


def test_user_and_password_are_percent_encoded() -> None:
    uri = mongo_uri(a_settings(mongodb_user="a b", mongodb_pass="p@:/%?", mongodb_host="db:9"))
    assert uri == "mongodb://a%20b:p%40%3A%2F%25%3F@db:9/?authSource=admin"


def test_the_password_may_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("from a file\n")
    assert ":from%20a%20file@" in mongo_uri(a_settings(mongodb_user="u", mongodb_pass_file=file))


@pytest.mark.parametrize(
    "fields",
    [
        {"mongodb_user": "u"},
        {"mongodb_user": "u", "mongodb_pass_file": Path("/no/such/file")},
        {"mongodb_uri": "mongodb://u:secret@word@host/"},
        {"mongodb_uri": "http://u:secret@host/"},
    ],
)
def test_unusable_settings_are_told_without_the_secret(fields: dict[str, Any]) -> None:
    with pytest.raises(StartupError) as caught:
        mongo_uri(a_settings(**fields))
    assert "secret" not in caught.value.sentence + caught.value.remedy


def test_user_and_password_open_the_real_server(mongo_server: MongoServer) -> None:
    server = mongo_server
    settings = a_settings(
        mongodb_user=server.user, mongodb_pass=server.password, mongodb_host=server.host
    )
    MongoStore(mongo_uri(settings), "facegate", 5.0).put_licence(a_licence())


@pytest.mark.parametrize("credentials", ["", "face%20gate:wrong@", "nobody:wrong@"])
def test_wrong_credentials_are_unavailable(mongo_server: MongoServer, credentials: str) -> None:
    store = MongoStore(f"mongodb://{credentials}{mongo_server.host}/?authSource=admin", "x", 5.0)
    for call in (store.ping, lambda: store.put_result(a_result())):
        with pytest.raises(StoreUnavailable):
            call()


def test_nobody_listens() -> None:
    store = MongoStore(f"mongodb://127.0.0.1:{free_port()}/", "x", 0.25)
    assert 0.2 < seconds_to_fail(lambda: store.get_licence("digest")) < 0.6


def test_a_name_that_does_not_resolve() -> None:
    store = MongoStore("mongodb://no-such-host.invalid/", "x", 0.25)
    assert seconds_to_fail(store.ping) < 0.6


def test_a_frozen_server_costs_no_more_than_the_timeout(
    open_mongo: Callable[..., MongoStore], fallible_server: MongoServer
) -> None:
    store = open_mongo(0.25)
    eventually(lambda: _answers(store))
    fallible_server.pause()
    time.sleep(0.2)
    for call in (store.ping, lambda: store.take([a_counter("a"), a_counter("b")])):
        assert 0.2 < seconds_to_fail(call) < 0.6


def test_one_client_outlives_a_restart_of_the_server(
    mongo_store: MongoStore, fallible_server: MongoServer
) -> None:
    mongo_store.put_licence(a_licence())
    fallible_server.kill()
    fallible_server.start()
    eventually(lambda: _answers(mongo_store))
    assert mongo_store.get_licence(DIGEST) == a_licence()


def test_indexes_are_made_once_and_again_without_harm(
    mongo_store: MongoStore, mongo_server: MongoServer
) -> None:
    mongo_store.prepare()
    mongo_store.prepare()
    database = pymongo.MongoClient(mongo_server.uri)[mongo_store._name]
    results = database.results.index_information()
    assert {"sha256_1_fingerprint_1_created_at_-1", "licence_1_created_at_-1__id_-1"} <= set(
        results
    )
    for indexes in (results, database.counters.index_information()):
        assert indexes["purge_at_1"]["expireAfterSeconds"] == 0


def test_an_index_that_cannot_be_made_is_one_line_in_the_log_and_the_others_are_made(
    mongo_store: MongoStore, mongo_server: MongoServer
) -> None:
    """The cache container may have made one under the same name and with other options."""
    client = pymongo.MongoClient(mongo_server.uri)
    client[mongo_store._name].counters.create_index("purge_at", expireAfterSeconds=99)
    client[mongo_store._name].results.create_index(
        [("sha256", 1), ("fingerprint", 1), ("created_at", -1)], unique=True
    )
    with capture_logs() as logs:
        mongo_store.prepare()
    assert [(line["event"], line["index"]) for line in logs] == [
        ("store_index_not_made", "purge_at_1"),
        ("store_index_not_made", "sha256_1_fingerprint_1_created_at_-1"),
    ]
    assert "purge_at_1" in client[mongo_store._name].results.index_information()
    assert mongo_store.take([a_counter()])


def test_the_server_itself_can_delete_what_has_expired(
    mongo_store: MongoStore, mongo_server: MongoServer
) -> None:
    mongo_store.put_result(a_result(id="r", expires_at=1_000_000.25))
    document = pymongo.MongoClient(mongo_server.uri)[mongo_store._name].results.find_one("r")
    assert document is not None
    assert document["purge_at"].timestamp() == 1_000_000.25


@pytest.mark.parametrize(
    "changes", [{"sha256": ""}, {"analysis": {"a\0b": 1}}], ids=["schema", "bson"]
)
def test_an_entry_that_is_refused_does_not_open_the_breaker(
    resilient_store: ResilientStore, mongo_store: MongoStore, changes: dict[str, Any]
) -> None:
    with pytest.raises(EntryRefused):
        mongo_store.put_result(a_result(**changes))
    resilient_store.ping()
    resilient_store.put_result(a_result(**changes))
    assert resilient_store.available
    assert resilient_store.pending() == 1


def test_a_result_that_never_expires_can_be_kept(mongo_store: MongoStore) -> None:
    mongo_store.put_result(a_result(id="r", expires_at=1e15))
    assert mongo_store.get_result("digest", "r") is not None


def test_an_image_too_large_for_a_document_is_left_out(mongo_store: MongoStore) -> None:
    mongo_store.put_result(a_result(id="small", image=b"x" * 1000))
    mongo_store.put_result(a_result(id="large", image=bytes(17 * 2**20)))
    images = {each.id: each.image for each in mongo_store.list_results("digest", 9)}
    assert images == {"small": b"x" * 1000, "large": None}


def test_a_token_counts_once_whatever_the_limit(mongo_store: MongoStore) -> None:
    counters = [a_counter("day", 1), a_counter("month", None)]
    for token in ("one", "one", "two", "one", "two"):
        mongo_store.add_once(token, counters, 5)
    assert (mongo_store.usage("day"), mongo_store.usage("month")) == (10, 10)


def test_no_room_is_lost_when_all_make_the_counter_at_once(mongo_store: MongoStore) -> None:
    mongo_store.ping()
    for turn in range(20):
        quota, start, taken = [a_counter(f"race-{turn}", 6)], Barrier(6), list[bool]()
        threads = [
            Thread(target=_take_at, args=(start, mongo_store, quota, taken)) for _ in range(6)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (taken, mongo_store.usage(f"race-{turn}")) == ([True] * 6, 6)


def test_a_counter_made_by_another_at_the_same_moment_is_used(
    mongo_store: MongoStore, mongo_server: MongoServer
) -> None:
    """A real mongod tells the loser of that race of a duplicate key; here it is told to say so."""
    quota = [a_counter(limit=2)]
    assert mongo_store.take(quota)
    fail = {"failCommands": ["update"], "errorCode": 11001}
    pymongo.MongoClient(mongo_server.uri).admin.command(
        {"configureFailPoint": "failCommand", "mode": {"times": 1}, "data": fail}
    )
    assert mongo_store.take(quota)
    assert not mongo_store.take(quota)
    assert mongo_store.usage("digest/day") == 2


def test_workers_with_the_same_tokens_count_each_once(mongo_store: MongoStore) -> None:
    def work(_: int) -> None:
        for token in range(20):
            mongo_store.add_once(str(token), [a_counter()], 1)

    in_processes(4, work)
    assert mongo_store.usage("digest/day") == 20


def _take_at(start: Barrier, store: MongoStore, quota: list[Counter], taken: list[bool]) -> None:
    start.wait()
    taken.append(store.take(quota))


def _answers(store: MongoStore) -> bool:
    try:
        store.ping()
    except StoreUnavailable:
        return False
    return True


class Garbler(Proxy):
    """Renames one field of every answer that has it."""

    def _forward(self, data: bytes, sink: socket.socket) -> bool:
        return super()._forward(data.replace(b"errmsg", b"errmsf"), sink)


def test_an_answer_that_the_client_stumbles_over_is_unavailable(mongo_server: MongoServer) -> None:
    with Garbler(mongo_server.port) as proxy:
        uri = f"mongodb://somebody:else@127.0.0.1:{proxy.port}/?authSource=admin"
        store = MongoStore(uri, "facegate", 2.0)
        with pytest.raises(StoreUnavailable) as caught:
            store.ping()
        store.close()
    assert isinstance(caught.value.__cause__, KeyError)


def test_a_damaged_document_is_no_reason_to_call_the_store_away(mongo_store: MongoStore) -> None:
    mongo_store.put_result(a_result())
    results = mongo_store._connected()[mongo_store._name].results
    results.update_one({}, {"$rename": {"analysis": "anblysis"}}, bypass_document_validation=True)
    with pytest.raises(EntryRefused):
        mongo_store.list_results("digest", 10)
