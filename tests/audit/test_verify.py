"""Whatever is done to a log is found and named."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.audit.chain import Chain, canonical, digest, merkle_root
from service.audit.keys import AuditKey
from service.audit.verify import Report, Verifier
from service.store.audit import AuditEntry, AuditHead
from tests.thorough import either

KEY = AuditKey.of("A" * 43 + "=")
OTHER = AuditKey.of("B" * 42 + "A=")
Entries = list[AuditEntry]


def made(chains: int = 2, each: int = 5, key: AuditKey = KEY) -> tuple[Entries, list[AuditHead]]:
    """A sound log, whose first chain ends with a checkpoint of all."""
    entries: Entries = []
    heads: dict[str, AuditHead] = {}
    rows = [Chain(key) for _ in range(chains)]
    for number, chain in enumerate(rows):
        begin = {"kind": "begin", "key": key.public, "lost": number}
        batch = chain.extend([begin, *({"kind": "x", "value": i} for i in range(each))])
        chain.written(batch)
        heads[chain.id] = batch.head
        entries += batch.entries
    batch = rows[0].extend([rows[0].checkpoint(list(heads.values()))])
    heads[rows[0].id] = batch.head
    return sorted([*entries, *batch.entries], key=place), list(heads.values())


def place(entry: AuditEntry) -> tuple[str, int]:
    return entry.chain, entry.n


def checked(entries: Entries, heads: list[AuditHead], keys: list[AuditKey] | None = None) -> Report:
    return Verifier([KEY] if keys is None else keys).check(sorted(entries, key=place), heads)


def test_nothing_is_wrong_with_a_sound_log() -> None:
    report = checked(*made())
    assert report.findings == []
    assert (report.entries, report.chains, report.checkpoints, report.lost) == (13, 2, 1, 1)


def test_an_auditor_without_the_private_key_can_check_it() -> None:
    entries, heads = made()
    assert Verifier([], [KEY.public]).check(entries, heads).findings == []
    assert "key that is not known" in Verifier([]).check(entries, heads).findings[0]


LOG = made(chains=3, each=6)
WHICH = st.integers(0, len(LOG[0]) - 1)


@settings(deadline=None)
@given(which=WHICH, data=st.data())
def test_a_changed_entry_is_named(which: int, data: st.DataObject) -> None:
    entries, heads = list(LOG[0]), LOG[1]
    entry = entries[which]
    at = data.draw(st.integers(0, len(entry.body) - 1))
    other = data.draw(st.characters(exclude_characters=entry.body[at], codec="ascii"))
    entries[which] = replace(entry, body=entry.body[:at] + other + entry.body[at + 1 :])
    assert named(checked(entries, heads), entry)


@settings(deadline=None)
@given(which=WHICH, field=st.sampled_from(["mac", "n", "chain"]))
def test_an_entry_with_a_changed_column_is_found(which: int, field: str) -> None:
    entries, heads = list(LOG[0]), LOG[1]
    changes = {"mac": "0" * 64, "n": 99, "chain": "f" * 32}
    entries[which] = replace(entries[which], **{field: changes[field]})  # type: ignore[arg-type]
    assert checked(entries, heads).findings


@settings(deadline=None)
@given(which=WHICH)
def test_a_removed_entry_is_named(which: int) -> None:
    entries, heads = list(LOG[0]), LOG[1]
    gone = entries.pop(which)
    report = checked(entries, heads)
    assert any(f"{gone.chain}/{gone.n}" in one and "missing" in one for one in report.findings)


@settings(deadline=None)
@given(first=WHICH, second=WHICH)
def test_entries_that_changed_places_are_found(first: int, second: int) -> None:
    entries, heads = list(LOG[0]), LOG[1]
    one, two = entries[first], entries[second]
    if first == second:
        return
    entries[first] = replace(one, chain=two.chain, n=two.n)
    entries[second] = replace(two, chain=one.chain, n=one.n)
    report = checked(entries, heads)
    assert named(report, one)
    assert named(report, two)


@settings(deadline=None)
@given(which=WHICH, honest=st.booleans())
def test_an_entry_that_was_put_in_is_found(which: int, honest: bool) -> None:
    """Even one that is chained as it should be, by somebody who has not the key."""
    entries, heads = list(LOG[0]), LOG[1]
    like = entries[which]
    last = max(one.n for one in entries if one.chain == like.chain)
    before = next(one for one in entries if (one.chain, one.n) == (like.chain, last))
    body = canonical({"chain": like.chain, "n": last + 1, "previous": digest(before.body)})
    n = last + 1 if honest else like.n
    entries.insert(which, AuditEntry(like.chain, n, body, OTHER.seal(body)))
    report = checked(entries, heads)
    assert any(f"{like.chain}/{n}" in one for one in report.findings)


def forged_tail(entries: Entries, heads: list[AuditHead]) -> None:
    """All of a chain made again, by somebody who has not the key."""
    chain = Chain(OTHER)
    chain.id = entries[0].chain
    batch = chain.extend([{"kind": "begin", "key": KEY.public}])
    entries[:] = [one for one in entries if one.chain != chain.id] + list(batch.entries)
    heads[:] = [one for one in heads if one.chain != chain.id] + [batch.head]


def chain_gone(entries: Entries, heads: list[AuditHead]) -> None:
    last = next(one.chain for one in entries if one.chain != checkpoint(entries).chain)
    entries[:] = [one for one in entries if one.chain != last]
    heads[:] = [one for one in heads if one.chain != last]


def heads_gone(entries: Entries, heads: list[AuditHead]) -> None:
    heads.clear()


def head_moved_back(entries: Entries, heads: list[AuditHead]) -> None:
    last = checkpoint(entries)
    entries.remove(last)
    heads[:] = [replace(one, n=one.n - 1) if one.chain == last.chain else one for one in heads]


def checkpoint(entries: Entries) -> AuditEntry:
    return next(one for one in entries if '"kind":"checkpoint"' in one.body)


@pytest.mark.parametrize("harm", [forged_tail, chain_gone, heads_gone, head_moved_back])
def test_greater_harm(harm: Callable[[Entries, list[AuditHead]], None]) -> None:
    entries, heads = list(LOG[0]), list(LOG[1])
    harm(entries, heads)
    assert checked(entries, heads).findings


def test_a_log_that_was_cut_off_whole_is_found_by_an_anchor() -> None:
    entries, heads = made(chains=1)
    anchor = json.loads(checkpoint(entries).body)
    verifier = Verifier([KEY])
    assert verifier.check([], []).findings == []
    verifier.check_anchor(anchor)
    assert "missing, by the anchor" in verifier.report.findings[0]
    forged = Verifier([KEY])
    forged.check(entries, heads)
    forged.check_anchor(anchor | {"root": "0" * 64})
    assert forged.report.findings


def test_a_log_of_another_key_is_not_taken_for_ours() -> None:
    assert "not known" in checked(*made(key=OTHER)).findings[0]
    assert checked(*made(key=OTHER), [KEY, OTHER]).findings == []


def test_no_order_of_leaves_and_no_count_gives_the_same_root() -> None:
    leaves = [["a", 1, "x"], ["b", 2, "y"], ["c", 3, "z"]]
    roots = {merkle_root(leaves), merkle_root(leaves[::-1]), merkle_root(leaves[:2])}
    assert len(roots | {merkle_root([]), merkle_root([*leaves, leaves[-1]])}) == 5


@pytest.mark.slow
def test_a_million_entries_are_verified_in_under_a_minute() -> None:
    """In a routine run a tenth of them, in a tenth of the time."""
    entries = either(1_000_000, 100_000)
    chain = Chain(KEY)
    begin = {"kind": "begin", "key": KEY.public}
    facts = {"kind": "judgement", "sha256": "5a" * 32, "score": 0.25, "decision": "bona_fide"}
    batch = chain.extend([begin, *([facts] * (entries - 1))])
    before = time.process_time()
    report = Verifier([KEY]).check(batch.entries, [batch.head])
    assert time.process_time() - before < 60 * entries / 1e6
    assert (report.entries, report.findings) == (entries, [])


def named(report: Report, entry: AuditEntry) -> bool:
    return any(f"{entry.chain}/{entry.n}" in finding for finding in report.findings)
