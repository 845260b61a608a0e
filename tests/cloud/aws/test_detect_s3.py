"""`facegate detect` and `facegate predict` on S3, against a real AWS API server."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from service.cloud.aws.s3 import S3
from service.cloud.aws.session import Cloud
from service.errors import CloudError, CloudUnavailable
from service.media.address import Address
from service.settings import Settings
from tests import clips
from tests.aws import Aws
from tests.cloud.conftest import surroundings
from tests.commands.conftest import Ran, Run
from tests.forks import SCRIPT
from tests.images import MODERN, genuine, manipulated, nasty
from tests.servers import free_port
from tests.store.records import eventually
from tests.voices import SPOKEN

FILMS: dict[str, Callable[[], bytes]] = {
    "film.mkv": lambda: clips.video(clips.faces(8), "matroska"),
    "call.flac": SPOKEN.read_bytes,
}
NO_KEYS = {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}


def put(aws: Aws, bucket: str, **objects: bytes) -> None:
    for key, body in objects.items():
        aws.client("s3").put_object(
            Bucket=bucket, Key=key.replace("__", "/") + ".jpg", Body=body, ContentType="image/jpeg"
        )


@pytest.fixture
def s3(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> S3:
    for name, value in (aws.environment | {"AWS_MAX_ATTEMPTS": "1"}).items():
        monkeypatch.setenv(name, value)
    return S3(Cloud(), Settings(max_body_bytes=1_000_000))


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_an_object_is_judged_with_its_metadata(aws: Aws, bucket: str, facegate: Run) -> None:
    put(aws, bucket, a=genuine())
    ran = facegate("detect", f"s3://{bucket}/a.jpg", "--format", "jsonl")
    found = json.loads(ran.stdout)
    assert ran.returncode == 0
    assert found["decision"] == "bona_fide"
    assert found["source"] == f"s3://{bucket}/a.jpg"
    assert found["s3_file_info"]["size"] == len(genuine())
    assert found["s3_file_info"]["content_type"] == "image/jpeg"
    assert found["s3_file_info"]["last_modified"].endswith("Z")


def test_a_bucket_means_every_image_in_it(aws: Aws, bucket: str, facegate: Run) -> None:
    put(aws, bucket, a=genuine(), folder__b=manipulated())
    aws.client("s3").put_object(Bucket=bucket, Key="notes.txt", Body=b"no image")
    ran = facegate("detect", f"s3://{bucket}", "--format", "jsonl")
    assert [json.loads(line)["source"][-5:] for line in ran.stdout.splitlines()] == [
        "a.jpg",
        "b.jpg",
    ]


def test_a_run_goes_on_where_it_was(aws: Aws, bucket: str, facegate: Run, tmp_path: Path) -> None:
    put(aws, bucket, a=genuine(), b=genuine(), c=genuine())
    out = tmp_path / "results.jsonl"
    facegate("detect", f"s3://{bucket}/a.jpg", "--output", out)
    out.write_bytes(out.read_bytes() + b'{"source": "s3://torn')
    aws.calm()
    assert facegate("detect", f"s3://{bucket}/", "--output", out).returncode == 0
    assert [row["source"][-5] for row in lines(out)] == ["a", "b", "c"]
    assert not [line for line in aws.seen if f"/{bucket}/a.jpg" in line]


def test_what_aws_refused_is_tried_again(
    aws: Aws, bucket: str, facegate: Run, tmp_path: Path
) -> None:
    put(aws, bucket, a=genuine(), b=b"no image")
    out = tmp_path / "results.jsonl"
    aws.fail("GET", f"/{bucket}/a.jpg", 403, "AccessDenied")
    assert facegate("detect", f"s3://{bucket}/", "--output", out).returncode == 2
    assert [row["code"] for row in lines(out)] == ["ACCESS_DENIED", "INVALID_IMAGE"]
    facegate("detect", f"s3://{bucket}/", "--output", out)
    assert sorted(str(row["code"]) for row in lines(out)) == ["INVALID_IMAGE", "None"]


def test_a_file_of_someone_else_is_not_gone_on_with(
    aws: Aws, bucket: str, facegate: Run, tmp_path: Path
) -> None:
    put(aws, bucket, a=genuine())
    out = tmp_path / "mine.jsonl"
    out.write_text("my diary\n")
    ran = facegate("detect", f"s3://{bucket}/", "--output", out)
    assert ran.returncode == 3
    assert out.read_text() == "my diary\n"


@pytest.mark.parametrize(
    "told",
    [
        (403, "AccessDenied", "ACCESS_DENIED"),
        (404, "NoSuchKey", "NO_SUCH_KEY"),
        (404, "NoSuchBucket", "NO_SUCH_BUCKET"),
        (400, "AuthorizationHeaderMalformed", "WRONG_REGION"),
        (403, "RequestTimeTooSkewed", "CLOCK_SKEW"),
        (503, "SlowDown", "CLOUD_UNAVAILABLE"),
        (400, "SomethingNew", "CLOUD_FAILED"),
    ],
)
def test_each_refusal_has_a_code(aws: Aws, s3: S3, told: tuple[int, str, str]) -> None:
    status, code, ours = told
    aws.fail("GET", "/somewhere/a.jpg", status, code, times=9)
    with pytest.raises(CloudError) as error:
        s3.fetch(Address("somewhere", "a.jpg"))
    assert error.value.code == ours


def test_an_endpoint_that_is_away_has_a_code(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(CloudUnavailable):
        S3(Cloud(), Settings()).fetch(Address("somewhere", "a.jpg"))


def test_throttling_that_passes_is_not_noticed(aws: Aws, bucket: str, facegate: Run) -> None:
    put(aws, bucket, a=genuine())
    aws.fail("GET", f"/{bucket}/a.jpg", 503, "SlowDown", times=2)
    assert facegate("detect", f"s3://{bucket}/a.jpg").returncode == 0


def test_without_credentials_it_says_so(bucket: str, facegate: Run) -> None:
    ran = facegate("detect", f"s3://{bucket}/", env=NO_KEYS)
    assert ran.returncode == 3
    assert "No AWS credentials were found" in ran.stderr


def test_too_large_an_object_is_not_downloaded(aws: Aws, bucket: str, facegate: Run) -> None:
    put(aws, bucket, a=bytes(5000))
    ran = facegate("detect", f"s3://{bucket}/a.jpg", "--format", "jsonl", max_body_bytes=4096)
    assert json.loads(ran.stdout)["code"] == "BODY_TOO_LARGE"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_no_signal_leaves_a_file_behind(
    aws: Aws, bucket: str, tmp_path: Path, real_models: Path, number: signal.Signals
) -> None:
    put(aws, bucket, a=genuine())
    gap = aws.hold(f"/{bucket}/a.jpg")
    (tmp_path / "tmp").mkdir()
    (tmp_path / "aws_config.json").write_text('{"data": {"temp_dir": "tmp"}}')
    env = surroundings(tmp_path, aws, models_dir=real_models)
    command = [SCRIPT, "detect", f"s3://{bucket}/a.jpg"]
    process = subprocess.Popen(command, env=env, cwd=tmp_path, stderr=subprocess.DEVNULL)
    eventually(gap.reached.is_set, 60)
    process.send_signal(number)
    gap.go.set()
    process.wait(60)
    assert os.listdir(tmp_path / "tmp") == []


def test_other_image_formats_are_judged(aws: Aws, bucket: str, facegate: Run) -> None:
    for number, form in enumerate(MODERN):
        suffix = form.partition(".")[0]
        aws.client("s3").put_object(Bucket=bucket, Key=f"{number}.{suffix}", Body=nasty(form))
    ran = facegate("detect", f"s3://{bucket}", "--format", "jsonl")
    found = [json.loads(line) for line in ran.stdout.splitlines()]
    assert (ran.returncode, [one["decision"] for one in found]) == (0, ["bona_fide"] * len(MODERN))


@pytest.mark.parametrize("form", MODERN)
def test_predict_reads_every_format(
    aws: Aws, bucket: str, facegate: Run, fake_models: Path, form: str
) -> None:
    aws.client("s3").put_object(Bucket=bucket, Key="selfie", Body=nasty(form))
    result = predicted(facegate("predict", f"s3://{bucket}/selfie", models_dir=fake_models))
    assert (result["label"], result["confidence"], result["file_type"]) == ("FAKE", 0.977, "image")


def predicted(ran: Ran) -> dict[str, Any]:
    return dict(json.loads(ran.stdout))


def test_predict_prints_the_contract(
    aws: Aws, bucket: str, facegate: Run, fake_models: Path, tmp_path: Path
) -> None:
    put(aws, bucket, a=genuine())
    out = tmp_path / "result.json"
    ran = facegate("predict", f"s3://{bucket}/a.jpg", "--output", out, models_dir=fake_models)
    result = predicted(ran)
    assert ran.returncode == 1
    assert result == json.loads(out.read_text())
    assert (result["label"], result["confidence"], result["prediction_score"]) == (
        "FAKE",
        0.977,
        0.977,
    )
    assert list(result)[:13] == [
        *("request_id", "sqs_to_ml_url", "file_path", "local_path", "file_type", "label"),
        *("confidence", "prediction_score", "is_s3_file", "processed_at", "queue_url"),
        *("s3_file_info", "original_message"),
    ]
    assert result["is_s3_file"]
    assert set(result["s3_file_info"]) == {"size", "content_type", "last_modified"}


def test_a_download_is_kept_where_the_configuration_says_so(
    aws: Aws, bucket: str, facegate: Run, tmp_path: Path
) -> None:
    put(aws, bucket, folder__a=genuine())
    config = tmp_path / "my.json"
    config.write_text('{"data": {"s3_cache_dir": "kept", "cleanup_temp_files": false}}')
    result = predicted(facegate("predict", f"s3://{bucket}/folder/a.jpg", "--config", config))
    assert (tmp_path / result["local_path"]).read_bytes() == genuine()


def test_predict_takes_a_local_path_and_a_threshold(facegate: Run, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(genuine())
    result = predicted(facegate("predict", "a.jpg", "--threshold", "0.2"))
    assert (result["label"], result["prediction_score"], result["is_s3_file"]) == (
        "FAKE",
        0.233,
        False,
    )


@pytest.mark.parametrize("key", sorted(FILMS))
def test_detect_and_predict_take_videos_and_recordings(
    aws: Aws, bucket: str, facegate: Run, key: str
) -> None:
    data = FILMS[key]()
    aws.client("s3").put_object(Bucket=bucket, Key=key, Body=data)
    found = json.loads(facegate("detect", f"s3://{bucket}/", "--format", "jsonl").stdout)
    result = predicted(facegate("predict", f"s3://{bucket}/{key}"))
    kind = "video" if key.startswith("film") else "audio"
    assert (found["analysis"]["kind"], result["file_type"]) == (kind, kind)
    assert found["decision"] in ("bona_fide", "deepfake")
    assert result["prediction_score"] == pytest.approx(found["score"], abs=1e-3)
    assert result["sha256"] == hashlib.sha256(data).hexdigest()


def test_predict_names_media_that_it_cannot_judge(facegate: Run, tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"\0\0\0\x18ftypmp42" + bytes(100))
    ran = facegate("predict", "a.mp4")
    assert ran.returncode == 2
    assert (predicted(ran)["file_type"], predicted(ran)["error_code"]) == (
        "video",
        "INVALID_MEDIA",
    )


def test_predict_says_why_there_is_nothing_to_judge(bucket: str, facegate: Run) -> None:
    ran = facegate("predict", f"s3://{bucket}/absent.jpg")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "no such object" in ran.stderr
