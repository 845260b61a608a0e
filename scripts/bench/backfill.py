"""Throughput of `facegate backfill` against a single-process loop over the same selfies in S3.

`python -m scripts.bench.backfill [SELFIES] [WORKERS]` starts an AWS API server on localhost, fills
a bucket, and prints a line for each way: the bare loop, the local engine, Ray. Start-up is part of
each engine's time, so use many selfies for a figure that means something.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from service.cloud.predictor import Predictor
from service.media.address import Address
from service.runtime.machine import usable_cores

SELFIE = Path(__file__).parents[1] / "demo" / "genuine.jpg"
BUCKET = "bench"
COMMAND = [sys.executable, "-m", "service.cli", "backfill", f"s3://{BUCKET}/in/"]


def main() -> int:
    """Print the table."""
    selfies = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    workers = int(sys.argv[2]) if len(sys.argv) > 2 else usable_cores()
    from tests.aws import Aws

    with Aws() as aws, tempfile.TemporaryDirectory() as folder:
        os.environ |= aws.environment
        s3 = aws.bucket(BUCKET)
        for number in range(selfies):
            s3.put_object(Bucket=BUCKET, Key=f"in/{number:06d}.jpg", Body=SELFIE.read_bytes())
        print(f"{selfies} selfies, {workers} workers")
        loop = _loop(selfies)
        print(f"single-process loop   {loop:8.1f} selfies/s")
        for engine in ("local", "ray"):
            rate = _engine(engine, workers, Path(folder) / engine)
            print(f"engine {engine:<14} {rate:8.1f} selfies/s   {rate / loop:5.2f} of the loop")
    return 0


def _loop(selfies: int) -> float:
    predictor = Predictor.load()
    start = time.perf_counter()
    for number in range(selfies):
        predictor.analyze(predictor.load_object(Address(BUCKET, f"in/{number:06d}.jpg")))
    return selfies / (time.perf_counter() - start)


def _engine(engine: str, workers: int, output: Path) -> float:
    options = ["--engine", engine, "--workers", str(workers), "--shard-size", "20"]
    ran = subprocess.run(
        [*COMMAND, "--output", str(output), *options], capture_output=True, text=True, check=True
    )
    return float(json.loads(ran.stdout)["per_second"])


if __name__ == "__main__":
    sys.exit(main())
