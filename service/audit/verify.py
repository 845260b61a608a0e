"""Looks for every entry that was changed, taken away, put in or moved, and names it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from service.audit.chain import FIRST, digest, head_text, merkle_root
from service.audit.keys import AuditKey, signed
from service.store.audit import AuditEntry, AuditHead

Body = Mapping[str, Any]
HASH = 32  # bytes


@dataclass
class Report:
    """`findings` is empty where nothing is wrong."""

    entries: int = 0
    chains: int = 0
    checkpoints: int = 0
    lost: int = 0  # entries that could not be written at their time, as the log itself says
    findings: list[str] = field(default_factory=list)


class Verifier:
    """Of one log. Without the private key, seals are not checked: signatures of checkpoints are."""

    def __init__(self, keys: Sequence[AuditKey], public: Iterable[str] = ()) -> None:
        self._keys = {key.public: key for key in keys}
        self._public = {*self._keys, *public}
        self._hashes: dict[str, bytearray] = {}  # by chain, in order
        self._claims: list[tuple[str, list[list[Any]]]] = []  # of checkpoints
        self.report = Report()

    def check(self, entries: Iterable[AuditEntry], heads: Iterable[AuditHead]) -> Report:
        """Entries by chain and number."""
        chain, last, key = "", FIRST, None
        for entry in entries:
            if entry.chain != chain:
                chain, last, key = entry.chain, FIRST, self._key_of(entry)
                self._begin(chain)
            last = self._entry(entry, last, key)
        self._check_heads({head.chain: head for head in heads})
        self._check_claims()
        return self.report

    def _begin(self, chain: str) -> None:
        if chain in self._hashes:
            self._found(f"chain {chain}: its entries are out of order")
        self._hashes.setdefault(chain, bytearray())
        self.report.chains = len(self._hashes)

    def _key_of(self, first: AuditEntry) -> str | None:
        """The public key that a chain names at its beginning."""
        public = _parsed(first.body).get("key")
        if public not in self._public:
            self._found(f"entry {first.chain}/{first.n}: written with a key that is not known")
        return public if isinstance(public, str) else None

    def _entry(self, entry: AuditEntry, last: str, public: str | None) -> str:
        name, expected = f"entry {entry.chain}/{entry.n}", self._count(entry.chain) + 1
        body = _parsed(entry.body)
        self.report.entries += 1
        if entry.n > expected:
            self._found(f"entries {entry.chain}/{expected} to {entry.n - 1}: missing")
            self._hashes[entry.chain].extend(bytes(HASH * (entry.n - expected)))
        elif entry.n < expected:
            self._found(f"{name}: there is more than one")
            return last
        elif body.get("previous") != last:
            self._found(f"{name}: does not follow the entry before")
        key = self._keys.get(public or "")
        forged = key is not None and key.seal(entry.body) != entry.mac
        if forged or (body.get("chain"), body.get("n")) != (entry.chain, entry.n):
            self._found(f"{name}: changed, or not written by this service")
        current = digest(entry.body)
        self._hashes[entry.chain].extend(bytes.fromhex(current))
        self._note(name, body)
        return current

    def _note(self, name: str, body: Body) -> None:
        if body.get("kind") == "begin":
            self.report.lost += int(body.get("lost") or 0)
        if body.get("kind") == "checkpoint":
            self.report.checkpoints += 1
            self._check_signature(name, body)

    def _check_signature(self, name: str, body: Body) -> None:
        heads, root, public = body.get("heads", []), str(body.get("root")), str(body.get("key"))
        trusted = public in self._public and signed(public, root, str(body.get("signature")))
        if not trusted or merkle_root(heads) != root:
            self._found(f"{name}: the signature of this checkpoint does not hold")
            return
        self._claims.append((name, heads))

    def _check_heads(self, heads: Mapping[str, AuditHead]) -> None:
        for chain in self._hashes.keys() - heads.keys():
            self._found(f"chain {chain}: its head is missing")
        for chain, head in heads.items():
            text = head_text(chain, head.n, head.hash)
            sealed = not self._keys or any(k.seal(text) == head.mac for k in self._keys.values())
            if not sealed:
                self._found(f"chain {chain}: its head was changed, or not written by this service")
            self._claim(f"the head of chain {chain}", chain, head.n, head.hash)

    def _check_claims(self) -> None:
        for name, heads in self._claims:
            for chain, n, expected in heads:
                self._claim(name, chain, n, expected)

    def check_anchor(self, body: Body) -> None:
        """A checkpoint that was kept elsewhere."""
        self._check_signature("the anchor", body)
        self._check_claims()

    def _claim(self, who: str, chain: str, n: int, expected: str) -> None:
        held = self._hashes.get(chain, bytearray())
        count = len(held) // HASH
        if n > count:
            self._found(f"entries {chain}/{count + 1} to {n}: missing, by {who}")
        elif held[(n - 1) * HASH : n * HASH].hex() != expected:
            self._found(f"entry {chain}/{n}: not the one that {who} names")

    def _count(self, chain: str) -> int:
        return len(self._hashes[chain]) // HASH

    def _found(self, what: str) -> None:
        if what not in self.report.findings:
            self.report.findings.append(what)


def _parsed(body: str) -> Body:
    try:
        found = orjson.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def checkpoints(entries: Iterable[AuditEntry]) -> Iterator[Body]:
    """The bodies of all checkpoints."""
    for entry in entries:
        if '"kind":"checkpoint"' in entry.body:
            yield _parsed(entry.body)
