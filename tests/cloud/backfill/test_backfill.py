"""`facegate backfill`: every object once, whatever dies on the way."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import psutil
import pytest

from service.cloud.aws.session import Cloud
from service.cloud.backfill.output import S3Output, open_output
from service.errors import StartupError
from tests import clips
from tests.aws import Aws
from tests.cloud.conftest import surroundings
from tests.commands.conftest import Run
from tests.forks import SCRIPT
from tests.images import genuine
from tests.store.records import eventually
from tests.voices import SPOKEN

WORKERS = {"local": "spawn_main", "ray": "ray::MapWorker"}


@pytest.fixture
def prefix(aws: Aws, bucket: str) -> str:
    """Ten selfies and one that is none."""
    for n in range(10):
        aws.client("s3").put_object(Bucket=bucket, Key=f"in/{n}.jpg", Body=genuine())
    aws.client("s3").put_object(Bucket=bucket, Key="in/x.jpg", Body=b"no image")
    return f"s3://{bucket}/in/"


def rows(output: Path) -> list[dict[str, Any]]:
    files = sorted((output / "results").glob("*.jsonl"))  # not what was half-written
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def once_each(output: Path, prefix: str) -> None:
    found = Counter(row["source"] for row in rows(output))
    assert found == dict.fromkeys([*(f"{prefix}{n}.jpg" for n in range(10)), f"{prefix}x.jpg"], 1)


@pytest.mark.parametrize("engine", ["local", pytest.param("ray", marks=pytest.mark.slow)])
def test_a_killed_worker_costs_nothing(
    engine: str, aws: Aws, prefix: str, tmp_path: Path, real_models: Path
) -> None:
    if engine == "ray":
        pytest.importorskip("ray")
    gap = aws.hold("/in/5.jpg")
    command = [SCRIPT, "backfill", prefix, "--output", "out", "--engine", engine]
    process = subprocess.Popen(
        [*command, "--workers", "2", "--shard-size", "2"],
        env=surroundings(tmp_path, aws, models_dir=real_models),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        eventually(lambda: gap.reached.is_set() or process.poll() is not None, 120)
        assert gap.reached.is_set(), process.communicate()
        victims = [one for one in workers(process.pid) if WORKERS[engine] in one[1]]
        victims[0][0].kill()
        aws.calm()
        out, err = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 0, err
    assert json.loads(out)["shards_left"] == 0
    once_each(tmp_path / "out", prefix)


def test_videos_and_recordings_are_judged_too(
    aws: Aws, bucket: str, facegate: Run, tmp_path: Path
) -> None:
    stored = {"film.mp4": clips.video(clips.faces(8)), "call.flac": SPOKEN.read_bytes()}
    for name, body in {**stored, "torn.mov": b"\0\0\0\x08wide"}.items():
        aws.client("s3").put_object(Bucket=bucket, Key=name, Body=body)
    ran = facegate("backfill", f"s3://{bucket}/", "--output", "out", "--engine", "local")
    assert ran.returncode == 0, ran.stderr
    found = {row["source"].rpartition("/")[2]: row for row in rows(tmp_path / "out")}
    assert found["film.mp4"]["decision"] == "bona_fide"
    assert 0 < found["call.flac"]["score"] < 1
    assert found["torn.mov"]["code"] == "INVALID_MEDIA"


def workers(pid: int) -> list[tuple[psutil.Process, str]]:
    """Every process below this one, with its command line."""
    return [
        (child, " ".join(child.cmdline())) for child in psutil.Process(pid).children(recursive=True)
    ]


def test_a_killed_run_goes_on_where_it_was(
    aws: Aws, prefix: str, tmp_path: Path, real_models: Path, facegate: Run
) -> None:
    arguments = ("backfill", prefix, "--output", "out", "--workers", "1", "--shard-size", "4")
    aws.fail("GET", "/in/5.jpg", 403, "AccessDenied", times=1)
    first = facegate(*arguments)
    assert (first.returncode, json.loads(first.stdout)["shards_left"]) == (2, 1)
    aws.calm()
    second = facegate(*arguments)
    assert (second.returncode, json.loads(second.stdout)["judged_now"]) == (0, 4)
    once_each(tmp_path / "out", prefix)
    assert {row.get("code") for row in rows(tmp_path / "out")} == {None, "INVALID_IMAGE"}
    assert not [line for line in aws.seen if "/in/0.jpg" in line]
    other = facegate("backfill", prefix.replace("/in/", "/"), "--output", "out")
    assert (other.returncode, "another prefix" in other.stderr) == (3, True)


def test_results_may_go_to_s3(aws: Aws, bucket: str, cloud: Cloud) -> None:
    output = open_output(f"s3://{bucket}/out/", cloud)
    assert isinstance(output, S3Output)
    assert output.read("plan.json") is None
    output.write("results/1.jsonl", b"x")
    assert output.read("results/1.jsonl") == b"x"
    assert list(output.names("results")) == ["1.jsonl"]


def test_an_object_is_no_output(cloud: Cloud) -> None:
    with pytest.raises(StartupError):
        open_output("s3://bucket/object", cloud)


def test_an_object_is_no_prefix(facegate: Run) -> None:
    assert facegate("backfill", "s3://bucket/object", "--output", "out").returncode == 3
