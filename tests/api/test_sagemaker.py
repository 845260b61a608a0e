"""SageMaker's container contract and its runtime's path, asked by real boto3."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests import clips
from tests.images import genuine
from tests.live import Live, data_uri
from tests.voices import SPOKEN

Make = Callable[[], bytes]
JPEG = {"Content-Type": "image/jpeg"}
LINES = {"Content-Type": "application/jsonlines"}


@cache
def film() -> bytes:
    return clips.video(clips.faces(8))


def runtime(live: Live, key: str = "AKIAEXAMPLEEXAMPLE00") -> Any:
    """SageMaker's client, told that this service is SageMaker."""
    return boto3.client(
        "sagemaker-runtime",
        endpoint_url=live.base,
        region_name="eu-central-1",
        aws_access_key_id=key,
        aws_secret_access_key="x",
        config=Config(retries={"max_attempts": 1}),
    )


def asked(live: Live, **more: Any) -> Any:
    attributes = {"CustomAttributes": f"hash_id={live.hash_id}"}
    call = {"EndpointName": "deepfake", "ContentType": "image/jpeg", "Body": genuine()}
    answer = runtime(live).invoke_endpoint(**attributes | call | more)
    return json.loads(answer["Body"].read())


def test_ping_answers_when_images_are_judged(live: Live) -> None:
    assert live.get("/ping").status_code == 200


def test_the_higher_score_comes_first(live: Live, deepfake: Live) -> None:
    assert asked(live) == [{"label": "real", "score": 0.767}, {"label": "fake", "score": 0.233}]
    assert asked(deepfake)[0] == {"label": "fake", "score": 0.977}


def test_boto3_may_send_json(live: Live) -> None:
    body = json.dumps({"inputs": data_uri(genuine())}).encode()
    assert asked(live, ContentType="application/json", Body=body)[0]["label"] == "real"


def test_the_access_key_may_be_the_hash_id(live: Live) -> None:
    answer = runtime(live, live.hash_id).invoke_endpoint(
        EndpointName="any", ContentType="application/x-image", Body=genuine()
    )
    assert json.loads(answer["Body"].read())[0]["label"] == "real"


@pytest.mark.parametrize(
    ("form", "make"),
    [
        ("video/mp4", film),
        ("audio/flac", SPOKEN.read_bytes),
        ("application/ogg", SPOKEN.read_bytes),
    ],
)
def test_videos_and_recordings(live: Live, form: str, make: Make) -> None:
    labels = asked(live, ContentType=form, Body=make())
    assert {one["label"] for one in labels} == {"fake", "real"}
    assert labels[0]["score"] + labels[1]["score"] == pytest.approx(1)


@pytest.mark.parametrize(
    ("form", "make", "code"),
    [
        ("video/mp4", lambda: film()[:3000], "INVALID_MEDIA"),
        ("audio/wav", clips.recording, "NO_SPEECH"),
        ("video/mp4", lambda: clips.video(clips.plain(70), rate=1), "MEDIA_TOO_LONG"),
    ],
)
def test_boto3_is_told_why_not(live: Live, form: str, make: Make, code: str) -> None:
    with pytest.raises(ClientError) as error:
        asked(live, ContentType=form, Body=make())
    assert error.value.response["Error"]["Code"] == code


def test_boto3_is_told_code_and_sentence(live: Live) -> None:
    with pytest.raises(ClientError) as error:
        asked(live, Body=b"no image")
    assert error.value.response["Error"]["Code"] == "INVALID_IMAGE"
    assert "This is no whole image in" in error.value.response["Error"]["Message"]


def test_without_a_licence_there_is_no_answer(live: Live) -> None:
    with pytest.raises(ClientError) as error:
        asked(live, CustomAttributes="hash_id=fg_unknown")
    assert error.value.response["Error"]["Code"] == "LICENCE_UNKNOWN"
    assert live.post("/invocations", data=genuine(), headers=JPEG).status_code == 401


@pytest.fixture(scope="module")
def container(live: Live, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """As SageMaker runs it: the licence comes with the settings."""
    folder = tmp_path_factory.mktemp("container")
    key = folder / "hash_id"
    service = Live(folder, probability=0.977, sagemaker_hash_id_file=key)
    key.write_text(service.hash_id + "\n")
    with service:
        yield service


def test_a_container_has_its_licence_from_the_settings(container: Live) -> None:
    answer = container.post("/invocations", data=genuine(), headers=JPEG)
    assert (answer.status_code, answer.json()[0]["label"]) == (200, "fake")


def test_a_batch_transform_gets_a_line_for_each_line(container: Live) -> None:
    image = json.dumps({"image": data_uri(genuine())})
    sent = f'{image}\n{{"image": "AAAA"}}\n{{}}\n\n{image}\n'
    answer = container.post("/invocations", data=sent, headers=LINES)
    lines = [json.loads(line) for line in answer.content.splitlines()]
    assert answer.headers["Content-Type"].startswith("application/jsonlines")
    assert [lines[0][0]["label"], lines[4][0]["label"]] == ["fake", "fake"]
    codes = [line["code"] for line in lines[1:4]]
    assert codes == ["INVALID_IMAGE", "BAD_REQUEST", "BAD_REQUEST"]


@pytest.mark.parametrize(
    ("data", "media_type", "status"),
    [
        (b"", "image/jpeg", 400),
        (genuine(), "text/csv", 415),
        (b"{", "application/json", 400),
        (b'{"image": 1}', "application/json", 400),
        (b"\n", "application/jsonlines", 200),
        (b"", "application/jsonlines", 400),
    ],
)
def test_what_cannot_be_read(container: Live, data: bytes, media_type: str, status: int) -> None:
    headers = {"Content-Type": media_type}
    assert container.post("/invocations", data=data, headers=headers).status_code == status


def test_quota_is_taken_for_each_line_and_given_back(live: Live) -> None:
    key = live.issue(per_day=2)
    headers = LINES | {"X-Hash-Id": key}
    image = json.dumps({"image": data_uri(genuine())})
    assert live.post("/invocations", data="{}\n{}\n", headers=headers).status_code == 200
    assert live.post("/invocations", data=f"{image}\n{image}\n", headers=headers).status_code == 200
    assert live.post("/invocations", data=genuine(), headers=JPEG | {"X-Hash-Id": key}).json()[
        "code"
    ] == ("QUOTA_EXCEEDED")
