"""How entries are chained: each body holds the hash of the one before.

A checkpoint is an entry, too: it lists the heads of all chains, and a signature over their Merkle
root.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from typing import Any

import orjson

from service.audit.keys import AuditKey
from service.store.audit import AuditBatch, AuditEntry, AuditHead

FIRST = "0" * 64  # what comes before the first entry
Facts = dict[str, Any]


class Chain:
    """The chain of one process. Not safe for threads."""

    def __init__(self, key: AuditKey) -> None:
        self.id = uuid.uuid4().hex
        self.head: AuditHead | None = None  # as it was written
        self._key, self._n, self._last = key, 0, FIRST

    def extend(self, facts: Sequence[Facts]) -> AuditBatch:
        """The entries that come next; nothing moves on before `written`."""
        entries: list[AuditEntry] = []
        last = self._last
        for n, one in enumerate(facts, self._n + 1):
            body = canonical({"chain": self.id, "n": n, "previous": last} | one)
            entries.append(AuditEntry(self.id, n, body, self._key.seal(body)))
            last = digest(body)
        n = self._n + len(entries)
        head = AuditHead(self.id, n, last, self._key.seal(head_text(self.id, n, last)))
        return AuditBatch(tuple(entries), head)

    def written(self, batch: AuditBatch) -> None:
        """A batch is kept: the next one follows it."""
        self.head = batch.head
        self._n, self._last = batch.head.n, batch.head.hash

    def checkpoint(self, heads: Sequence[AuditHead]) -> Facts:
        """What ties these heads together."""
        listed = sorted([one.chain, one.n, one.hash] for one in heads)
        root = merkle_root(listed)
        return {
            "kind": "checkpoint",
            "heads": listed,
            "root": root,
            "key": self._key.public,
            "signature": self._key.sign(root),
        }


def canonical(facts: Facts) -> str:
    """The one form of some facts as JSON."""
    return orjson.dumps(facts, option=orjson.OPT_SORT_KEYS).decode()


def digest(body: str) -> str:
    """The hash of an entry."""
    return hashlib.sha256(body.encode()).hexdigest()


def head_text(chain: str, n: int, last: str) -> str:
    """What the seal of a head is made of."""
    return f"head {chain} {n} {last}"


def merkle_root(leaves: Sequence[Sequence[object]]) -> str:
    """As RFC 9162 has it: leaves and nodes are told apart, and an odd one moves up."""
    level = [hashlib.sha256(b"\0" + orjson.dumps(list(leaf))).digest() for leaf in leaves]
    if not level:
        return hashlib.sha256(b"").hexdigest()
    while len(level) > 1:
        pairs = [level[at : at + 2] for at in range(0, len(level), 2)]
        level = [
            hashlib.sha256(b"\1" + pair[0] + pair[1]).digest() if len(pair) == 2 else pair[0]
            for pair in pairs
        ]
    return level[0].hex()
