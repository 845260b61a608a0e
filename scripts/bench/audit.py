"""What the audit log costs: the time of one judgement's entry, and verifying a long log.

`python -m scripts.bench.audit [ENTRIES]`. A selfie takes tens of milliseconds: shares are told
of the 111 ms of `accurate` and of the 28 ms of `fast`.
"""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from service.audit.chain import Chain
from service.audit.keys import audit_key
from service.audit.log import AuditLog
from service.audit.verify import Verifier
from service.settings import Settings
from service.store.sqlite.store import SqliteStore

ROUNDS = 500
FACTS = {
    "actor": "d" * 64,
    "contract": "/v1/analyze",
    "sha256": "5a" * 32,
    "decision": "bona_fide",
    "score": 0.014,
    "threshold": 0.41,
    "model": "0123456789abcdef",
    "reasons": [],
}


def entry_cost(folder: Path, mode: str) -> tuple[float, float]:
    """Milliseconds of waiting and of processor time that one entry adds to a judgement."""
    settings = Settings(data_dir=folder, audit=mode)
    store = SqliteStore(folder / "facegate.db")
    log = AuditLog(settings, store, audit_key(settings))
    log.write("judgement", **FACTS)
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(ROUNDS):
        log.write("judgement", **FACTS)
        if mode == "best-effort":
            time.sleep(0.002)  # as between two judgements; else one batch would hold them all
    waited = time.perf_counter() - wall - (0.002 * ROUNDS if mode == "best-effort" else 0)
    log.close()
    used = time.process_time() - cpu
    store.close()
    return max(waited, 0.0) / ROUNDS * 1000, used / ROUNDS * 1000


def many_clients(folder: Path, count: int) -> tuple[float, float]:
    """The same where so many judgements come at the same time: their entries are one write."""
    settings = Settings(data_dir=folder, audit="required")
    store = SqliteStore(folder / "facegate.db")
    log = AuditLog(settings, store, audit_key(settings))
    log.write("judgement", **FACTS)
    wall, cpu = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(count) as pool:
        for _ in pool.map(lambda _: log.write("judgement", **FACTS), range(ROUNDS)):
            pass
    waited, used = time.perf_counter() - wall, time.process_time() - cpu
    log.close()
    store.close()
    return waited * count / ROUNDS * 1000, used / ROUNDS * 1000


def verifying(folder: Path, count: int) -> float:
    """Seconds for so many entries."""
    settings = Settings(data_dir=folder, audit="required")
    key, store = audit_key(settings), SqliteStore(folder / "long.db")
    chain = Chain(key)
    facts = [{"kind": "begin", "key": key.public}, *([{"kind": "judgement"} | FACTS] * (count - 1))]
    batch = chain.extend(facts)
    store.append_audit(batch)
    before = time.perf_counter()
    report = Verifier([key]).check(store.read_audit(), store.audit_heads())
    assert not report.findings
    return time.perf_counter() - before


def main() -> None:
    """Print the figures."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with TemporaryDirectory() as name:
        for mode in ("best-effort", "required"):
            folder = Path(name) / mode
            waited, used = entry_cost(folder, mode)
            shares = ", ".join(f"{used / whole:.1%} of {whole} ms" for whole in (111, 28))
            print(f"{mode}: {waited:.2f} ms waited, {used:.2f} ms of a core an entry ({shares})")
        waited, used = many_clients(Path(name) / "many", 8)
        print(f"required, 8 clients: {waited:.2f} ms waited, {used:.2f} ms of a core an entry")
        print(f"verify: {count} entries in {verifying(Path(name), count):.1f} s")


if __name__ == "__main__":
    main()
