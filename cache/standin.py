"""Start the embedded stand-in: administrator, then schema and service user, then serve.

The same `schema.json` as in the MongoDB variant; PID 1 passes SIGTERM on.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pymongo
from pymongo.errors import CollectionInvalid, OperationFailure, PyMongoError

DATA = Path(os.environ.get("CACHE_DATA", "/data/db"))
DATABASE = os.environ.get("DATABASE", "facegate")
ROLE = "facegateService"
Client = pymongo.MongoClient[dict[str, Any]]


def main() -> int:
    """Exit status of the server, or 3 with one sentence."""
    say("embedded stand-in for MongoDB; for tests and trials only")
    admin = os.environ["ADMIN"], (DATA / ".admin").read_text()
    if not (DATA / ".administered").exists():
        create_administrator(*admin)
    server = launch("0.0.0.0", "--auth")  # noqa: S104 (a container's own network)
    signal.signal(signal.SIGTERM, lambda *_: server.terminate())
    try:
        with connect(server, *admin) as client:
            apply_schema(client, json.loads(Path("/cache/schema.json").read_text()))
    except (PyMongoError, RuntimeError) as error:
        server.terminate()
        say(f"The schema could not be applied: {error}")
        return server.wait() and 3
    say("ready")
    return server.wait()


def create_administrator(name: str, password: str) -> None:
    """On a server that listens to this container only, for it asks nobody for a password yet."""
    server = launch("127.0.0.1")
    with connect(server) as client:
        client.admin.command("createUser", name, pwd=password, roles=["root"])
    server.terminate()
    server.wait()
    (DATA / ".administered").touch()


def launch(host: str, *options: str) -> subprocess.Popen[bytes]:
    """The server on its usual port; what it acknowledges is on the disk."""
    options = ("--standalone", "--sync-on-commit", "--cache-size", "64M", *options)
    place = ("--host", host, "--port", "27017", "--storage-path", str(DATA / "standin"))
    command = [sys.executable, "-m", "secantus", *place, "--log-level", "WARNING", *options]
    return subprocess.Popen(command)  # noqa: S603 (nothing of it comes from outside)


def connect(server: subprocess.Popen[bytes], *credentials: str) -> Client:
    """A client once the server answers. Raises RuntimeError when it ends before."""
    user, password = credentials or (None, None)
    client: Client = pymongo.MongoClient("127.0.0.1", username=user, password=password)
    for _ in range(600):
        try:
            client.admin.command("ping")
            return client
        except OperationFailure:
            raise
        except PyMongoError:
            if server.poll() is not None:
                break
            time.sleep(0.1)
    raise RuntimeError("the server does not start")


def apply_schema(client: Client, schema: dict[str, Any]) -> None:
    """Role, user, collections, validators, indexes; harmless again. Raises RuntimeError."""
    db = client[DATABASE]
    about = db.about.find_one({"_id": "schema"}) or {"version": 0}
    if about["version"] > schema["version"]:
        raise RuntimeError("this volume was written by a newer version.")
    for name, wanted in schema["collections"].items():
        with suppress(CollectionInvalid):  # it was there before
            db.create_collection(name)
        db.command("collMod", name, validator=wanted["validator"], validationLevel="moderate")
        if wanted["indexes"]:
            db.command("createIndexes", name, indexes=wanted["indexes"])
    create_service_user(client, schema)
    about = {"_id": "schema", "version": schema["version"], "server": "stand-in"}
    db.about.replace_one({"_id": "schema"}, about, upsert=True)


def create_service_user(client: Client, schema: dict[str, Any]) -> None:
    """The one that the service logs in as: it works in our database and may drop nothing."""
    ours = {"db": DATABASE, "collection": ""}
    privileges = [{"resource": ours, "actions": schema["actions"]}]
    create_or_update(client, "Role", ROLE, privileges=privileges, roles=[])
    create_or_update(client, "User", os.environ["USER"], pwd=os.environ["PASS"], roles=[ROLE])


def create_or_update(client: Client, kind: str, name: str, **fields: Any) -> None:
    try:
        client.admin.command(f"create{kind}", name, **fields)
    except OperationFailure as error:
        if error.code not in (51002, 51003):  # role exists, user exists
            raise
        client.admin.command(f"update{kind}", name, **fields)


def say(sentence: str) -> None:
    print(f"cache: {sentence}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
