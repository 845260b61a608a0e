"""Wherever a crash comes within a write, what is left is sound, and holds what was acknowledged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from pymongo.errors import AutoReconnect

from service.audit.chain import Chain
from service.audit.files import FileAudit
from service.audit.keys import AuditKey, audit_key
from service.audit.verify import Report, Verifier
from service.errors import StoreUnavailable
from service.settings import Settings
from service.store.audit import Audit, AuditBatch
from service.store.mongo.store import MongoStore
from service.store.resilient.spool import Spool
from service.store.resilient.store import ResilientStore
from tests.store.conftest import mongo_store, open_mongo  # noqa: F401 (fixtures)
from tests.store.records import eventually
from tests.thorough import either


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> AuditKey:
    return audit_key(Settings(data_dir=tmp_path_factory.mktemp("key")))


def two_batches(key: AuditKey) -> tuple[AuditBatch, AuditBatch]:
    chain = Chain(key)
    first = chain.extend([{"kind": "begin", "key": key.public}, {"kind": "judgement"}])
    chain.written(first)
    return first, chain.extend([{"kind": "judgement", "number": number} for number in range(3)])


def verified(key: AuditKey, sink: Audit) -> Report:
    return Verifier([key]).check(sink.read_audit(), sink.audit_heads())


@examples(
    max_examples=either(60, 25),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_a_file_that_ends_at_any_byte_of_the_last_write(
    data: st.DataObject, key: AuditKey, tmp_path: Path
) -> None:
    first, second = two_batches(key)
    sink = FileAudit(tmp_path / first.head.chain)
    sink.append_audit(first)
    file = tmp_path / first.head.chain / f"{first.head.chain}.jsonl"
    acknowledged = file.stat().st_size
    sink.append_audit(second)
    whole = file.read_bytes()
    file.write_bytes(whole[: data.draw(st.integers(acknowledged, len(whole)))])
    report = verified(key, sink)
    assert report.findings == []
    assert report.entries >= len(first.entries)


def test_between_the_entries_and_their_head(
    mongo_store: MongoStore,  # noqa: F811
    key: AuditKey,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """MongoDB alone writes them one after the other; the same batch again completes them."""
    first, second = two_batches(key)
    mongo_store.append_audit(first)

    def crash(*_: object, **__: object) -> None:
        raise AutoReconnect

    with monkeypatch.context() as patch:
        patch.setattr("pymongo.collection.Collection.update_one", crash)
        with pytest.raises(StoreUnavailable):
            mongo_store.append_audit(second)
    report = verified(key, mongo_store)
    assert (report.findings, report.entries) == ([], 5)
    mongo_store.append_audit(second)
    assert mongo_store.audit_heads() == [second.head]
    assert verified(key, mongo_store).findings == []


def test_between_a_delivery_and_its_end_in_the_spool(
    open_mongo: Callable[..., MongoStore],  # noqa: F811
    key: AuditKey,
    tmp_path: Path,
) -> None:
    """It is delivered again, and is there once."""
    first, second = two_batches(key)
    spool = Spool(tmp_path / "spool.db", lease=0.1)
    spool.put_audit(first)
    spool.put_audit(second)
    store = open_mongo()
    store.append_audit(first)  # delivered by a process that died before it said so
    spool.claim(1)
    resilient = ResilientStore(store, spool, retry=0.05)
    resilient.ping()
    eventually(lambda: spool.pending() == 0)
    report = verified(key, store)
    assert (report.findings, report.entries) == ([], 5)
    resilient.close()
