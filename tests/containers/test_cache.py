"""The cache's image: users, schema, indexes, refusals; with the embedded stand-in."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pymongo
import pytest
from pymongo.errors import DuplicateKeyError, OperationFailure, WriteError

from tests.containers.docker import (
    CACHE,
    HARDENED,
    ROOT,
    DockerError,
    container,
    docker,
    logs,
    run,
    wait,
)
from tests.servers import free_port

USER, PASSWORD = "svc", "correct-horse"
Database = pymongo.database.Database[dict[str, Any]]
DIGEST = "a" * 64


@contextmanager
def cache(*arguments: str, password: str = PASSWORD) -> Iterator[tuple[str, Database]]:
    """(container, database as the service's user sees it)."""
    port = free_port()
    options = (*HARDENED, "-e", f"USER={USER}", "-e", f"PASS={password}")
    published = ("-p", f"127.0.0.1:{port}:27017")
    with container(*options, *published, *arguments, image=CACHE) as name:
        wait(lambda: "cache: ready" in logs(name), explain=lambda: logs(name))
        login = {"username": USER, "password": password, "authSource": "admin"}
        with pymongo.MongoClient[dict[str, Any]]("127.0.0.1", port, **login) as client:
            yield name, client.facegate


@pytest.fixture(scope="module")
def running_cache(cache_image: str) -> Iterator[tuple[str, Database]]:
    with cache() as found:
        yield found


@pytest.fixture
def db(running_cache: tuple[str, Database]) -> Database:
    return running_cache[1]


@pytest.fixture
def volume(cache_image: str) -> Iterator[str]:
    name = docker("volume", "create")
    yield name
    docker("volume", "rm", "-f", name)


def refused(*environment: str) -> str:
    options = [part for one in environment for part in ("-e", one)]
    with pytest.raises(RuntimeError) as caught:
        docker("run", "--rm", *HARDENED, *options, CACHE)
    return str(caught.value)


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        (("PASS=correct-horse",), "There is no user."),
        (("USER=svc",), "There is no password."),
        (("USER=svc", "PASS=password"), "The password is a known default."),
        (("USER=service1", "PASS=Service1"), "The password is a known default."),
        (("USER=svc", "PASS=short"), "The password is shorter than eight characters."),
        (("USER=svc", "PASS_FILE=/nowhere"), "The password file /nowhere cannot be read."),
        (("USER=facegate-admin", "PASS=correct-horse"), "is the administrator's"),
        (("USER=svc", "PASS=correct-horse", "CACHE_DATA=/proc/x"), "cannot be written to"),
    ],
)
def test_it_refuses_with_one_sentence(
    cache_image: str, environment: tuple[str, ...], sentence: str
) -> None:
    told = refused(*environment)
    assert sentence in told
    assert "correct-horse" not in told.partition("\n")[2]


def test_a_wrong_password_is_turned_away(db: Database) -> None:
    host, port = db.client.address or ("", 0)
    login = {"username": USER, "password": "wrong", "authSource": "admin"}
    for options in (login, {}):
        client = pymongo.MongoClient[dict[str, Any]](host, port, **options)
        with client, pytest.raises(OperationFailure):
            client.facegate.licences.find_one({})


def test_the_service_s_user_may_do_its_work_and_no_more(db: Database) -> None:
    db.counters.insert_one({"_id": "day", "used": 1})
    db.counters.update_one({"_id": "day"}, {"$inc": {"used": 1}})
    assert db.counters.delete_one({"_id": "day"}).deleted_count == 1
    for forbidden in (
        lambda: db.client.other.things.insert_one({}),
        lambda: db.client.drop_database("facegate"),
        lambda: db.client.admin.command("createUser", "me", pwd="x", roles=["root"]),
        lambda: db.client.admin.system.users.find_one({}),
    ):
        with pytest.raises(OperationFailure):
            forbidden()


def test_a_licence_is_unique_and_has_its_shape(db: Database) -> None:
    licence = {"digest": DIGEST, "name": "Bank", "issued_at": 1.0, "features": ["detect"]}
    db.licences.insert_one({"_id": DIGEST, **licence})
    with pytest.raises(DuplicateKeyError):
        db.licences.insert_one({"_id": "b" * 64, **licence})
    with pytest.raises(WriteError):
        db.licences.insert_one({"_id": "fg_a-hash-id-in-the-clear", "name": "Bank"})


def test_results_and_counters_expire(db: Database) -> None:
    for name in ("results", "counters"):
        ttl = [one for one in db[name].list_indexes() if one.get("expireAfterSeconds") == 0]
        assert [list(one["key"]) for one in ttl] == [["purge_at"]]


def test_the_stand_in_says_what_it_is(cache_image: str, db: Database) -> None:
    about = db.about.find_one({"_id": "schema"})
    assert about is not None
    assert about["server"] == "stand-in"
    assert "stand-in" in docker("inspect", CACHE, "-f", '{{index .Config.Labels "facegate.cache"}}')


def test_it_runs_as_nobody_and_without_setuid_files(cache_image: str) -> None:
    script = "id -u; find / -xdev -perm /6000 -type f 2>/dev/null; true"
    told = docker("run", "--rm", *HARDENED, "--entrypoint", "bash", CACHE, "-c", script)
    assert told.split() == ["999"]


def test_data_and_schema_outlive_an_upgrade_with_a_new_password_and_a_kill(volume: str) -> None:
    mount = ("-v", f"{volume}:/data/db")
    with cache(*mount) as (name, db):
        db.counters.insert_one({"_id": "kept", "used": 7})
        docker("stop", name)
    with cache(*mount, password="another-good-one") as (name, db):
        assert db.counters.find_one({"_id": "kept"}) == {"_id": "kept", "used": 7}
        db.counters.insert_one({"_id": "acknowledged", "used": 1})
        docker("kill", name)
    with cache(*mount, password="another-good-one") as (_, db):
        assert db.counters.find_one({"_id": "acknowledged"}) is not None


def test_the_health_check_tells_a_dead_server(running_cache: tuple[str, Database]) -> None:
    docker("exec", running_cache[0], "/cache/healthcheck.sh")
    with pytest.raises(DockerError):
        docker("run", "--rm", "--entrypoint", "/cache/healthcheck.sh", CACHE)  # no server in it


def test_both_variants_apply_the_same_schema() -> None:
    schema = json.loads((ROOT / "cache/schema.json").read_text())
    assert set(schema["collections"]) >= {"licences", "counters", "results"}
    for program in ("schema.js", "standin.py"):
        assert "schema.json" in (ROOT / "cache" / program).read_text()


@pytest.mark.skipif(not shutil.which("node"), reason="no JavaScript interpreter here")
@pytest.mark.parametrize("program", ["administrator.js", "schema.js"])
def test_the_programs_for_mongosh_parse(program: str) -> None:
    subprocess.run(["node", "--check", str(ROOT / "cache" / program)], check=True)


def test_the_shell_programs_parse() -> None:
    for program in sorted((ROOT / "cache").glob("*.sh")):
        run(["bash", "-n", str(program)])
