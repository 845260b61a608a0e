"""The Lambda function in this process: real S3 and DynamoDB calls, the real service behind it."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
import yaml

from service.cloud import lambda_handler
from service.cloud.aws.session import Cloud
from service.cloud.lambda_handler import handler
from service.cloud.predictor import Predictor
from service.cloud.serverless.detections import Detections, UploadDetection
from service.cloud.serverless.endpoint import EndpointLabel
from service.cloud.serverless.recheck import recheck
from tests import clips
from tests.aws import Aws
from tests.cloud.conftest import NUMBERS
from tests.commands.conftest import Run
from tests.images import MODERN, encode, genuine, nasty, portrait
from tests.live import Live
from tests.voices import SPOKEN

ROOT = Path(__file__).parents[3]
TEMPLATE = ROOT / "deploy/aws/lambda/template.yaml"


@cache
def files() -> dict[str, bytes]:
    film = clips.video(clips.faces(8))
    return {
        "/selfie.jpg": genuine(),
        "/selfie.png": encode(portrait()),
        "/blank.jpg": encode(portrait().resize((64, 64)).point(lambda _: 127), "JPEG"),
        **{f"/{form}": nasty(form) for form in MODERN},
        "/page.jpg": b"<html>secret</html>",
        "/film.mp4": film,
        "/call.flac": SPOKEN.read_bytes(),
        "/torn.mp4": film[:3000],
        "/silent.wav": clips.recording(),
        "/large.jpg": genuine() + bytes(2_000_000),
    }


class Site(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = files().get(self.path)
        self.send_response(200 if body else 404)
        self.send_header("Content-Type", "application/octet-stream")
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture(scope="module")
def table(server: Aws) -> str:
    """The table exactly as the template makes it."""
    made = resources()["Detections"]["Properties"]
    name = f"Detections{next(NUMBERS)}"
    server.client("dynamodb").create_table(
        TableName=name,
        **{key: made[key] for key in TABLE},
    )
    return name


TABLE = ("BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")


def resources() -> dict[str, Any]:
    """The template's resources; CloudFormation's own tags become plain texts."""

    class Loader(yaml.SafeLoader):
        pass

    Loader.add_multi_constructor("!", lambda loader, suffix, node: node.value)
    return dict(yaml.load(TEMPLATE.read_text(), Loader)["Resources"])


@pytest.fixture
def function(
    aws: Aws, bucket: str, table: str, deepfake: Live, monkeypatch: pytest.MonkeyPatch
) -> Iterator[pytest.MonkeyPatch]:
    """The function's environment; every face is a deepfake with a score of 0.977."""
    more = {
        "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": deepfake.base,
        "FACEGATE_SAGEMAKER_HASH_ID": deepfake.hash_id,
        "FACEGATE_UPLOAD_BUCKET": bucket,
        "FACEGATE_ENDPOINT_NAME": "deepfake",
        "FACEGATE_DETECTIONS_TABLE": table,
        "FACEGATE_FETCH_ALLOW": "127.0.0.1",
        "FACEGATE_MAX_BODY_BYTES": "1000000",
        "AWS_MAX_ATTEMPTS": "1",
    }
    for name, value in (aws.environment | more).items():
        monkeypatch.setenv(name, value)
    lambda_handler.services.cache_clear()
    yield monkeypatch
    lambda_handler.services.cache_clear()


Function = pytest.MonkeyPatch


def call(event: Any) -> tuple[int, dict[str, Any]]:
    answer = handler(event, None)
    return answer["statusCode"], json.loads(answer["body"])


def test_a_detection_is_answered_kept_and_recorded(
    aws: Aws, bucket: str, table: str, site: str, function: Function
) -> None:
    status, body = call({"file_url": f"{site}/selfie.jpg"})
    assert status == 200
    assert list(body) == ["verdict", "confidence", "uuid", "model_used", "model_version"]
    assert (body["verdict"], body["confidence"], body["model_used"], body["model_version"]) == (
        *("fake", 0.977),
        *("steady", "1.0.0"),
    )
    kept = aws.client("s3").get_object(Bucket=bucket, Key=f"uploads/{body['uuid']}.jpg")
    assert kept["Body"].read() == genuine()
    item = item_of(aws, table, body["uuid"])
    assert item["confidence"] == {"N": "0.977"}
    assert item["recheck_status"] == {"S": "pending"}
    assert item["source_type"] == {"S": "url"}
    assert int(item["expires_at"]["N"]) > 1_700_000_000


def test_the_hash_id_may_come_from_a_file(
    site: str, function: Function, deepfake: Live, tmp_path: Path
) -> None:
    (tmp_path / "hash_id").write_text(deepfake.hash_id + "\n")
    function.delenv("FACEGATE_SAGEMAKER_HASH_ID")
    function.setenv("FACEGATE_SAGEMAKER_HASH_ID_FILE", str(tmp_path / "hash_id"))
    status, body = call({"file_url": f"{site}/selfie.jpg"})
    assert (status, body["verdict"]) == (200, "fake")


def test_a_hash_id_file_that_cannot_be_read_is_our_fault(
    site: str, function: Function, tmp_path: Path
) -> None:
    function.delenv("FACEGATE_SAGEMAKER_HASH_ID")
    function.setenv("FACEGATE_SAGEMAKER_HASH_ID_FILE", str(tmp_path / "nothing"))
    status, body = call({"file_url": f"{site}/selfie.jpg"})
    assert (status, body["error"]) == (500, "The function is not set up.")


def test_a_byte_order_mark_before_the_body(site: str, function: Function) -> None:
    text = json.dumps({"file_url": f"{site}/selfie.jpg"})
    assert call({"body": f"\ufeff{text}"})[0] == 200


def item_of(aws: Aws, table: str, uuid: str) -> dict[str, Any]:
    found = aws.client("dynamodb").get_item(TableName=table, Key={"uuid": {"S": uuid}})
    return dict(found["Item"])


def test_the_type_is_told_by_the_bytes(
    aws: Aws, bucket: str, site: str, function: Function
) -> None:
    _, body = call({"file_url": f"{site}/selfie.png"})
    head = aws.client("s3").head_object(Bucket=bucket, Key=f"uploads/{body['uuid']}.jpg")
    assert head["ContentType"] == "image/png"


@pytest.mark.parametrize("form", MODERN)
def test_every_format_is_judged(site: str, function: Function, form: str) -> None:
    status, body = call({"file_url": f"{site}/{form}"})
    assert (status, body["verdict"], body["confidence"]) == (200, "fake", 0.977)


@pytest.mark.parametrize(
    ("path", "form", "suffix"),
    [("/film.mp4", "video/mp4", "mp4"), ("/call.flac", "audio/flac", "flac")],
)
def test_videos_and_recordings_are_judged(
    aws: Aws, bucket: str, site: str, function: Function, path: str, form: str, suffix: str
) -> None:
    status, body = call({"file_url": site + path})
    assert (status, body["verdict"] in ("fake", "real")) == (200, True)
    key = f"uploads/{body['uuid']}.{suffix}"
    kept = aws.client("s3").get_object(Bucket=bucket, Key=key)
    assert (kept["ContentType"], kept["Body"].read()) == (form, files()[path])


@pytest.mark.parametrize("encoded", [False, True])
def test_api_gateways_event_is_understood(site: str, function: Function, encoded: bool) -> None:
    text = json.dumps({"file_url": f"{site}/selfie.jpg"})
    text = base64.b64encode(text.encode()).decode() if encoded else text
    assert call({"body": text, "isBase64Encoded": encoded})[0] == 200


@pytest.mark.parametrize(
    "event",
    [
        *({}, None, [], {"file_url": ""}, {"file_url": 1}, {"body": "{"}, {"body": None}),
        *({"body": "[]"}, {"body": "x", "isBase64Encoded": True}, {"body": "[" * 20_000}),
    ],
)
def test_no_address_no_answer(function: Function, event: Any) -> None:
    status, body = call(event)
    assert (status, body["error"]) == (400, "Missing 'file_url'")


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/absent.jpg", 400, "URL_NOT_FETCHED"),
        ("/large.jpg", 400, "URL_NOT_FETCHED"),
        ("/page.jpg", 400, "INVALID_IMAGE"),
        ("/blank.jpg", 422, "FACE_NOT_FOUND"),
        ("/torn.mp4", 400, "INVALID_MEDIA"),
        ("/silent.wav", 422, "NO_SPEECH"),
    ],
)
def test_what_cannot_be_judged_has_a_code(
    site: str, function: Function, path: str, status: int, code: str
) -> None:
    found, body = call({"file_url": site + path})
    assert (found, body["code"]) == (status, code)
    assert "secret" not in body["error"]


@pytest.mark.parametrize(
    "url", ["http://169.254.169.254/latest/", "http://10.0.0.1/", "file:///etc/passwd"]
)
def test_private_addresses_are_not_fetched(function: Function, url: str) -> None:
    function.delenv("FACEGATE_FETCH_ALLOW")
    status, body = call({"file_url": url})
    assert (status, body["error"][:16]) == (400, "Download failed.")


def test_an_endpoint_that_fails_says_no_more(site: str, function: Function) -> None:
    function.setenv("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", "http://127.0.0.1:9")
    lambda_handler.services.cache_clear()
    assert call({"file_url": f"{site}/selfie.jpg"}) == (500, {"error": "Inference failed"})


def test_what_aws_refuses_is_our_fault(aws: Aws, site: str, function: Function) -> None:
    aws.fail("POST", "DynamoDB", 400, "AccessDeniedException")
    status, body = call({"file_url": f"{site}/selfie.jpg"})
    assert (status, body["code"]) == (500, "ACCESS_DENIED")


def test_an_unforeseen_error_stays_inside(site: str, function: Function) -> None:
    function.setattr(lambda_handler, "media_type", lambda data: 1 / 0)
    status, body = call({"file_url": f"{site}/selfie.jpg"})
    assert (status, body["code"]) == (500, "INTERNAL_ERROR")
    assert "division" not in body["error"]


def test_an_item_is_never_overwritten(
    aws: Aws, table: str, site: str, function: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, body = call({"file_url": f"{site}/selfie.jpg"})
    monkeypatch.setattr(lambda_handler.uuid, "uuid4", lambda: body["uuid"])
    status, again = call({"file_url": f"{site}/selfie.jpg"})
    assert (status, again["code"]) == (500, "ALREADY_RECORDED")


def test_it_needs_nothing_heavy_and_the_build_brings_the_rest() -> None:
    code = "import sys, service.cloud.lambda_handler; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules = set(ran.stdout.split())
    assert not {"onnxruntime", "cv2", "flask", "pymongo", "service.analysis"} & modules
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    ours = {re.split(r"[\[>=]", one)[0] for one in pyproject["project"]["dependencies"]}
    names = packages_distributions()
    used = {name for module in modules for name in names.get(module, ())} & ours
    brought = (ROOT / "deploy/aws/lambda/build").read_text().split()
    # Pillow and structlog take these along where they happen to be.
    assert used <= set(brought) | {"numpy", "rich"}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `deploy/aws/lambda/build` makes for the Python that runs here."""
    folder = tmp_path_factory.mktemp("lambda") / "build.d"
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    command = [ROOT / "deploy/aws/lambda/build", folder, version]
    subprocess.run(command, check=True, env=os.environ | {"PYTHON": sys.executable}, timeout=300)
    return folder


def test_the_bundle_answers_by_itself(
    bundle: Path, aws: Aws, table: str, site: str, function: Function
) -> None:
    """An interpreter that sees nothing but the bundle and its own library."""
    event = {"httpMethod": "POST", "body": json.dumps({"file_url": f"{site}/selfie.jpg"})}
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from service.cloud.lambda_handler import handler\n"
        "print(handler(__import__('json').loads(sys.argv[2]), None)['body'])"
    )
    python = Path(sys.base_prefix, "bin", Path(sys.executable).name)
    ran = subprocess.run(
        [python, "-I", "-S", "-c", code, bundle, json.dumps(event)],
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    assert json.loads(ran.stdout.splitlines()[-1])["verdict"] == "fake"


def test_the_bundle_fits(bundle: Path) -> None:
    """AWS takes 250 MB unpacked."""
    assert sum(file.stat().st_size for file in bundle.rglob("*")) < 100_000_000
    assert not (bundle / "service" / "models").exists()


def test_a_recheck_records_both_scores(
    aws: Aws, bucket: str, table: str, site: str, function: Function, facegate: Run
) -> None:
    _, body = call({"file_url": f"{site}/selfie.jpg"})
    _, gone = call({"file_url": f"{site}/selfie.jpg"})
    aws.client("s3").delete_object(Bucket=bucket, Key=f"uploads/{gone['uuid']}.jpg")
    ran = facegate("recheck", "--bucket", bucket, "--table", table)
    counts = json.loads(ran.stdout)
    item = item_of(aws, table, body["uuid"])
    assert ran.returncode == 0
    assert (counts["rechecked"], counts["changed"]) == (1, 1)
    assert (item["previous_score"], item["recheck_score"]) == ({"N": "0.977"}, {"N": "0.233"})
    assert (item["label"], item["recheck_label"]) == ({"S": "fake"}, {"S": "real"})
    assert item["recheck_status"] == {"S": "done"}
    assert item_of(aws, table, gone["uuid"])["recheck_error"] == {"S": "NO_SUCH_KEY"}


def test_two_rechecks_do_not_write_twice(aws: Aws, table: str, cloud: Cloud) -> None:
    item = {"uuid": {"S": "once"}, "recheck_status": {"S": "pending"}}
    aws.client("dynamodb").put_item(TableName=table, Item=item)
    detections = Detections(cloud, table, 1.0)
    changes = {"recheck_status": "done", "recheck_score": Decimal("0.5")}
    assert [detections.settle("once", changes), detections.settle("once", changes)] == [True, False]
    assert not detections.settle("absent", changes)


def test_a_recheck_leaves_what_aws_refuses_for_now(
    aws: Aws, bucket: str, table: str, cloud: Cloud, predictor: Predictor
) -> None:
    detections = Detections(cloud, table, 9e9)
    detections.add(
        UploadDetection("d-1", "uploads/d-1.jpg", EndpointLabel("fake", 0.9, "m", "1"), "url")
    )
    aws.fail("GET", "/uploads/", 403, "AccessDenied", times=9)
    assert recheck(detections, predictor, bucket, None)["left"] == 1
    aws.calm()
    assert recheck(detections, predictor, bucket, None)["failed"] == 1
    assert recheck(detections, predictor, bucket, None)["left"] == 0


def test_the_template_names_what_is_there() -> None:
    function = resources()["DetectFunction"]["Properties"]
    module, _, name = function["Handler"].rpartition(".")
    assert getattr(sys.modules[module], name) is handler
    assert resources()["Detections"]["Properties"]["TimeToLiveSpecification"]["Enabled"]
    assert int(function["Environment"]["Variables"]["FACEGATE_MAX_BODY_BYTES"]) < 6_000_000
