"""The log as it is written: by many processes, through crashes, full disks and absent stores."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from service.audit import AuditLog, open_audit
from service.audit.files import FileAudit
from service.audit.keys import audit_key
from service.audit.verify import Report, Verifier, checkpoints
from service.errors import AuditUnavailable, StartupError, StoreUnavailable
from service.settings import Settings
from service.store.audit import Audit, AuditBatch
from service.store.base import Store
from service.store.mongo.store import MongoStore
from service.store.null.store import NullStore
from service.store.resilient.spool import Spool
from service.store.resilient.store import ResilientStore
from service.store.sqlite.store import SqliteStore
from tests.servers import MongoServer
from tests.store.conftest import (  # noqa: F401 (fixtures)
    fallible_server,
    mongo_store,
    open_mongo,
    resilient_store,
    sqlite_store,
    store,
)
from tests.store.records import eventually, in_processes


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, audit="required", store="sqlite")


def verified(settings: Settings, sink: Audit) -> Report:
    return Verifier([audit_key(settings)]).check(sink.read_audit(), sink.audit_heads())


def kinds(sink: Audit) -> list[str]:
    return [json.loads(entry.body)["kind"] for entry in sink.read_audit()]


@pytest.fixture(params=["sqlite", "mongo", "resilient", "file"])
def sink(request: pytest.FixtureRequest, tmp_path: Path) -> Audit:
    """Every place that a log may lie in."""
    if request.param == "file":
        return FileAudit(tmp_path / "audit")
    found: Store = request.getfixturevalue(f"{request.param}_store")
    return found


def test_what_is_written_is_kept_in_order_and_closed_by_a_checkpoint(
    settings: Settings, sink: Audit
) -> None:
    log = AuditLog(settings, sink, audit_key(settings))
    for number in range(5):
        log.write("judgement", number=number)
    log.close()
    assert kinds(sink) == ["begin", *["judgement"] * 5, "checkpoint"]
    numbers = [json.loads(one.body).get("number") for one in sink.read_audit()]
    assert numbers[1:6] == [0, 1, 2, 3, 4]
    assert verified(settings, sink).findings == []


def test_the_same_batch_again_changes_nothing(settings: Settings, sink: Audit) -> None:
    from service.audit.chain import Chain

    chain = Chain(audit_key(settings))
    batch = chain.extend([{"kind": "begin", "key": audit_key(settings).public}])
    sink.append_audit(batch)
    if not isinstance(sink, FileAudit):  # whose one writer never repeats
        sink.append_audit(batch)
    assert list(sink.read_audit()) == list(batch.entries)
    assert sink.audit_heads() == [batch.head]


def test_an_older_head_never_takes_a_later_ones_place(settings: Settings, store: Store) -> None:  # noqa: F811
    from service.audit.chain import Chain

    chain = Chain(audit_key(settings))
    first = chain.extend([{"kind": "begin", "key": audit_key(settings).public}])
    chain.written(first)
    second = chain.extend([{"kind": "x"}])
    for batch in (second, first):
        store.append_audit(batch)
    assert store.audit_heads() == [second.head]
    assert verified(settings, store).findings == []


def work(settings: Settings, open_sink: Callable[[], Audit]) -> Callable[[int], None]:
    def run(number: int) -> None:
        log = AuditLog(settings, open_sink(), audit_key(settings))
        for count in range(40):
            log.write("judgement", number=number, count=count)
        log.close()

    return run


def test_eight_processes_at_once(settings: Settings, tmp_path: Path) -> None:
    def opened() -> SqliteStore:
        return SqliteStore(tmp_path / "facegate.db", busy_timeout=60)

    in_processes(8, work(settings, opened), wait=120)
    report = verified(settings, opened())
    assert (report.findings, report.chains) == ([], 8)
    assert kinds(opened()).count("judgement") == 320


def test_two_containers_on_one_mongodb(
    settings: Settings,
    open_mongo: Callable[..., MongoStore],  # noqa: F811
) -> None:
    in_processes(2, work(settings, open_mongo), wait=120)
    report = verified(settings, open_mongo())
    assert (report.findings, report.chains) == ([], 2)


def test_what_was_acknowledged_survives_a_kill(settings: Settings, tmp_path: Path) -> None:
    """And the log is sound, wherever the kill came."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        log = open_audit(settings, SqliteStore(tmp_path / "facegate.db"))
        for number in range(10**6):
            log.write("judgement", number=number)
            os.write(write, b".")
    acknowledged = len(os.read(read, 20))
    time.sleep(0.2)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(write)
    while data := os.read(read, 4096):
        acknowledged += len(data)
    found = SqliteStore(tmp_path / "facegate.db")
    assert kinds(found).count("judgement") >= acknowledged
    assert verified(settings, found).findings == []


class Full:
    """A disk that is full while `full`, before a real sink."""

    def __init__(self, sink: Audit) -> None:
        self.sink, self.full = sink, True

    def append_audit(self, batch: AuditBatch) -> None:
        if self.full:
            raise StoreUnavailable
        self.sink.append_audit(batch)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.sink, name)


def test_on_a_full_disk_judging_goes_on_or_not_as_the_setting_says(
    settings: Settings, tmp_path: Path
) -> None:
    sink = Full(FileAudit(tmp_path / "audit"))
    log = AuditLog(settings, sink, audit_key(settings))
    with pytest.raises(AuditUnavailable):
        log.write("judgement")
    sink.full = False
    log.write("judgement")
    log.close()
    assert kinds(sink) == ["begin", "judgement", "checkpoint"]
    report = verified(settings, sink)
    assert (report.findings, report.lost) == ([], 1)

    relaxed = settings.model_copy(update={"audit": "best-effort"})
    sink.full = True
    log = AuditLog(relaxed, sink, audit_key(settings))
    log.write("judgement")
    log.close()
    assert len(kinds(sink)) == 3


def test_a_file_is_left_as_it_was_where_a_write_fails(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from service.audit.chain import Chain

    sink, chain = FileAudit(tmp_path / "audit"), Chain(audit_key(settings))
    batch = chain.extend([{"kind": "begin", "key": audit_key(settings).public}])
    sink.append_audit(batch)
    chain.written(batch)
    real = os.write
    monkeypatch.setattr(os, "write", lambda handle, data: real(handle, data[:10]))
    with pytest.raises(StoreUnavailable):
        sink.append_audit(chain.extend([{"kind": "x"}]))
    monkeypatch.undo()
    assert verified(settings, sink).findings == []
    assert kinds(sink) == ["begin"]


def test_a_damaged_line_of_a_file_is_found(settings: Settings, tmp_path: Path) -> None:
    sink = FileAudit(tmp_path / "audit")
    log = AuditLog(settings, sink, audit_key(settings))
    log.write("judgement")
    log.close()
    (file,) = (tmp_path / "audit").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    sound = file.read_bytes()
    file.write_bytes(b"nonsense\n" + sound)
    assert verified(settings, sink).findings
    file.write_bytes(sound + b'{"chain": "cut off')
    assert verified(settings, sink).findings == []


def test_while_the_store_is_away_entries_are_kept_aside_and_chained_in_order(
    settings: Settings,
    open_mongo: Callable[..., MongoStore],  # noqa: F811
    fallible_server: MongoServer,  # noqa: F811
    tmp_path: Path,
) -> None:
    found = ResilientStore(open_mongo(0.5), Spool(tmp_path / "spool.db"), retry=0.2)
    log = AuditLog(settings, found, audit_key(settings))
    log.write("judgement", number=0)
    fallible_server.kill()
    for number in range(1, 4):
        log.write("judgement", number=number)
    fallible_server.start()
    eventually(lambda: found.available and found.pending() == 0, 60)
    log.write("judgement", number=4)
    log.close()
    entries = [json.loads(one.body) for one in found.read_audit()]
    assert [one["number"] for one in entries if one["kind"] == "judgement"] == [0, 1, 2, 3, 4]
    assert verified(settings, found).findings == []
    found.close()


def test_checkpoints_come_with_time(settings: Settings, tmp_path: Path) -> None:
    often = settings.model_copy(update={"audit_checkpoint": 0.1})
    sink = FileAudit(tmp_path / "audit")
    log = AuditLog(often, sink, audit_key(settings))
    log.write("judgement")
    eventually(lambda: "checkpoint" in kinds(sink))
    log.write("judgement")
    eventually(lambda: kinds(sink).count("checkpoint") == 2)
    time.sleep(0.3)  # nothing more was written: nothing more is to be tied together
    assert kinds(sink).count("checkpoint") == 2
    log.close()
    assert len(list(checkpoints(sink.read_audit()))) == 2


def test_a_clock_that_is_set_back_breaks_nothing(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = FileAudit(tmp_path / "audit")
    log = AuditLog(settings, sink, audit_key(settings))
    log.write("judgement")
    monkeypatch.setattr(time, "time", lambda: 1000.0)
    log.write("judgement")
    log.close()
    assert verified(settings, sink).findings == []


def test_the_beginning_tells_the_settings_but_no_secret(tmp_path: Path) -> None:
    settings = Settings(
        data_dir=tmp_path, audit="required", bpcer=0.01, callback_secret="very secret"
    )
    log = open_audit(settings, NullStore())
    log.write("x")
    log.close()
    begin = json.loads(next(FileAudit(tmp_path / "audit").read_audit()).body)
    assert begin["settings"]["bpcer"] == "0.01"
    assert "very secret" not in json.dumps(begin)


def test_where_it_is_off_nothing_is_written(tmp_path: Path) -> None:
    log = open_audit(Settings(data_dir=tmp_path), NullStore())
    log.write("judgement")
    log.close()
    assert list(tmp_path.iterdir()) == []


def test_a_key_that_is_none_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="base64 of 32 bytes"):
        open_audit(Settings(data_dir=tmp_path, audit="required", audit_key="x"), NullStore())


def test_no_statement_changes_an_entry_by_mistake(sqlite_store: SqliteStore) -> None:  # noqa: F811
    from service.audit.chain import Chain
    from service.audit.keys import AuditKey

    batch = Chain(AuditKey.of("A" * 43 + "=")).extend([{"kind": "begin"}])
    sqlite_store.append_audit(batch)
    for statement in ("UPDATE audit SET mac = 'x'", "DELETE FROM audit"):
        with (
            pytest.raises(StoreUnavailable) as raised,
            sqlite_store._database.transaction() as db,
        ):
            db.execute(statement)
        assert "append-only" in str(raised.value.__cause__)
