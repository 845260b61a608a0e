"""Made-up results for the console: as many as one likes, the same each time."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from typing import Any

from service.analysis.judgement import (
    Box,
    DetectorScore,
    FaceJudgement,
    Finding,
    ImageAnalysis,
    ImageFacts,
    Quality,
)
from service.analysis.records import to_record
from service.errors import Reason
from service.store.base import Store, StoredResult
from service.store.search import Point

HOUR = 3600.0


def an_analysis(score: float, *, reasons: tuple[Reason, ...] = (), **more: Any) -> ImageAnalysis:
    """Of an image with one face."""
    decision = "deepfake" if score >= 0.5 else "bona_fide"
    detectors = (DetectorScore("steady", "1.0.0", score),)
    quality = Quality(reasons, 300.0, 1.0, 2.0, 3.0, 120.0, 0.5, 0.2)
    face = FaceJudgement(Box(100.0, 120.0, 300.0, 380.0), 0.9, score, detectors, quality)
    finding = Finding(
        task="deepfake",
        decision="attack" if score >= 0.5 else "bona_fide",
        **{"score": score, "probability": score, "threshold": 0.5, "bpcer": 0.05},
        advisory=False,
        reasons=reasons,
        detectors=detectors,
    )
    fields: dict[str, Any] = {
        **{"decision": decision, "score": score, "probability": score, "threshold": 0.5},
        **{"bpcer": 0.05, "reasons": reasons, "fusion": "average", "fingerprint": "model-1"},
        "timings": {"decode": 10.0, "detect": 12.0, "infer": 40.0 + 20 * score, "total": 80.0},
        "findings": (finding,),
        "image": ImageFacts("5a" * 32, "JPEG", 900, 1200, 0),
        **{"faces": (face,), "counted": 0, "faces_found": 1},
    }
    return ImageAnalysis(**fields | more)


def a_point(score: float, age: float = 0.0) -> Point:
    decision = "deepfake" if score >= 0.5 else "bona_fide"
    return Point("r", 1e9 - age, decision, score, score, "f", None, 1.0)


def results(count: int, seed: int = 1, now: float | None = None) -> Iterator[StoredResult]:
    """The newest first, a few seconds apart."""
    draw, now = random.Random(seed), now or time.time()
    for number in range(count):
        genuine = draw.random() < 0.9
        score = draw.betavariate(1.2, 8) if genuine else draw.betavariate(8, 1.5)
        dark = (Reason.IMAGE_TOO_DARK,) if draw.random() < 0.05 else ()
        yield StoredResult(
            id=f"res_{draw.getrandbits(128):032x}",
            licence="operator",
            sha256=f"{draw.getrandbits(256):064x}",
            fingerprint="model-1",
            created_at=now - number * 8.0,
            expires_at=now + 1000 * HOUR,
            analysis=to_record(an_analysis(score, reasons=dark)),
            contract=draw.choice(["/liveness", "/v1/analyze", "/1.0/check.json"]),
        )


def fill(store: Store, count: int) -> list[str]:
    """Into a store, one by one; the ids, newest first."""
    ids = []
    for one in results(count):
        store.put_result(one)
        ids.append(one.id)
    return ids


def fill_sqlite(store: Any, count: int) -> None:
    """Into SQLite in one transaction, for many."""
    from service.store.sqlite.store import INSERT_RESULT, _to_row

    with store._database.transaction() as db:
        db.executemany(INSERT_RESULT, (_to_row(one) for one in results(count)))


def fill_mongo(collection: Any, count: int) -> None:
    """Into MongoDB a thousand at a time."""
    from service.store.mongo.store import _from_result

    batch: list[dict[str, Any]] = []
    for one in results(count):
        batch.append(_from_result(one))
        if len(batch) == 1000:
            collection.insert_many(batch)
            batch.clear()
    if batch:
        collection.insert_many(batch)
