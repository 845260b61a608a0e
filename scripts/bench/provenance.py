"""What provenance costs beside a judgement, in processor time, and as a share of it.

python -m scripts.bench.provenance
"""

from __future__ import annotations

import io
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from PIL import Image

from scripts.provenance.credentials import CREATED, with_manifest
from service.analysis.image import Analyzer
from service.judging.seen import SeenBefore
from service.media.image import decode
from service.media.medium import Medium
from service.provenance.inspector import Inspector
from service.settings import Settings
from service.store.sqlite.store import SqliteStore

DEMO = Path(__file__).parents[1] / "demo" / "genuine.jpg"
TIMES = 15


def main() -> None:
    """Print milliseconds of processor time, the middle of some runs."""
    data = _selfie()
    signed = with_manifest(data, CREATED)
    image, inspector = decode(data, max_pixels=10**8), Inspector(Settings())
    judged = {}
    for profile in ("fast", "accurate"):
        analyzer = _analyzer(profile)
        judged[profile] = _took(lambda one=analyzer: one.analyze(Medium.of(data)))  # type: ignore[misc]
    costs = {
        "bytes and pixels": _took(lambda: inspector.judge(inspector.facts(data, image))),
        "bytes alone": _took(lambda: inspector.judge(inspector.facts(data))),
        "bytes with a manifest": _took(lambda: inspector.facts(signed)),
    }
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder) / "facegate.db")
        seen = SeenBefore(Settings(data_dir=Path(folder)), store)
        costs["seen before"] = _took(lambda: seen.before(Medium.of(data), "owner"))
        store.close()
    for name, cost in costs.items():
        shares = (f"{cost / whole:.1%} of {profile}" for profile, whole in judged.items())
        print(f"{name}: {cost:.2f} ms, " + ", ".join(shares))


def _analyzer(profile: str) -> Analyzer:
    return Analyzer.load(Settings(profile=profile, provenance="off"))  # type: ignore[arg-type]


def _selfie() -> bytes:
    with Image.open(DEMO) as image:
        large = image.convert("RGB").resize((1080, 1440))
    buffer = io.BytesIO()
    large.save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


def _took(work: Callable[[], object]) -> float:
    work()
    times = []
    for _ in range(TIMES):
        began = time.process_time()
        work()
        times.append((time.process_time() - began) * 1000)
    return median(times)


if __name__ == "__main__":
    main()
