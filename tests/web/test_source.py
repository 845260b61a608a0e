"""The console over the Lambda function's table and bucket, with real calls to an AWS server."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from service.cloud.aws.session import Cloud
from service.cloud.serverless.detections import Detections, UploadDetection
from service.cloud.serverless.endpoint import EndpointLabel
from service.cloud.serverless.search import DetectionSearch
from service.errors import StoreUnavailable
from service.settings import Settings
from service.store.search import Filter, sorted_by
from tests.aws import Aws
from tests.images import genuine
from tests.live import Live
from tests.web.conftest import client, form, seat_people

TABLE, BUCKET = "ConsoleDetections", "console-uploads"
TEMPLATE = Path(__file__).parents[2] / "deploy/aws/lambda/template.yaml"
KEYS = ("BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")


class Loader(yaml.SafeLoader):
    """Passes over CloudFormation's own tags."""


Loader.add_multi_constructor("!", lambda *_: None)


@pytest.fixture(scope="module")
def server() -> Iterator[Aws]:
    with Aws() as aws:
        made = yaml.load(TEMPLATE.read_text(), Loader)["Resources"]["Detections"]["Properties"]
        aws.client("dynamodb").create_table(TableName=TABLE, **{key: made[key] for key in KEYS})
        aws.bucket(BUCKET)
        yield aws


@pytest.fixture
def settings(server: Aws, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    return Settings(detections_table=TABLE, upload_bucket=BUCKET, console_source="dynamodb")


@pytest.fixture
def search(settings: Settings, server: Aws) -> DetectionSearch:
    """Over five detections with pictures."""
    known = Detections(Cloud(), TABLE, 1000)
    for number in range(5):
        label = "fake" if number % 2 else "real"
        verdict = EndpointLabel(label, 0.9 - number / 100, "lite0", "2.0.0")
        if known.get(f"uuid-{number}") is None:
            known.add(UploadDetection(f"uuid-{number}", f"uploads/{number}.jpg", verdict, "url"))
        body = {"Bucket": BUCKET, "Key": f"uploads/{number}.jpg", "Body": genuine()}
        server.client("s3").put_object(**body)
    return DetectionSearch(settings)


def ids(search: DetectionSearch, sort: Any = "highest", **wanted: Any) -> str:
    return " ".join(one.id[-1] for one in search.search_results(Filter(**wanted), sort, 10))


def test_its_items_are_results(search: DetectionSearch) -> None:
    assert ids(search) == "1 3 4 2 0"
    assert ids(search, "lowest", decision="deepfake") == "3 1"
    assert ids(search, contract="url", least=0.5) == "1 3"
    assert ids(search, label="any") == ids(search, until=1.0) == ""
    first = search.search_results(Filter(), "highest", 2)
    rest = search.search_results(Filter(), "highest", 9, sorted_by(first[-1], "highest"))
    assert [one.id for one in first + rest] == [f"uuid-{n}" for n in (1, 3, 4, 2, 0)]
    assert {one.decision for one in search.result_points(Filter(), 9)} == {"bona_fide", "deepfake"}


def test_one_of_them_with_its_picture_its_label_and_without(search: DetectionSearch) -> None:
    found = search.find_by_id("uuid-2")
    assert found is not None
    assert (found.image, found.analysis["item"]["model_used"]) == (genuine(), "lite0")
    assert search.label_result("uuid-2", "genuine")
    assert ids(search, label="genuine") == "2"
    assert search.label_result("uuid-2", None)
    assert ids(search, label="any") == ""
    assert not search.label_result("uuid-9", "genuine")
    assert search.image_sizes(["uuid-2", "uuid-9"]) == {"uuid-2": len(genuine())}
    assert search.drop_image("uuid-2")
    assert search.image_sizes(["uuid-2"]) == {}
    assert not search.drop_image("uuid-2")
    assert search.find_by_id("uuid-2").image is None  # type: ignore[union-attr]
    assert ids(search, image=False) == "2"
    assert search.find_by_id("uuid-9") is None


def test_a_table_that_is_not_there_is_a_store_that_is_away(settings: Settings) -> None:
    other = settings.model_copy(update={"detections_table": "Nowhere"})
    with pytest.raises(StoreUnavailable):
        DetectionSearch(other).search_results(Filter(), "newest", 1)


def test_the_pages_show_them(search: DetectionSearch, tmp_path: Path) -> None:
    more = {"console_source": "dynamodb", "detections_table": TABLE, "upload_bucket": BUCKET}
    with Live(tmp_path, probability=0.233, **more) as live:
        seat_people(live)
        session = client(live, "analyst")
        listing = _get(session, live, "results/?sort=highest")
        assert listing.text.count("/console/results/uuid-") == 5
        detail = _get(session, live, "results/uuid-1").text
        assert "data:image/jpeg" in detail
        assert "s3_key" in detail
        rows = list(csv.DictReader(io.StringIO(_get(session, live, "results/export.csv").text)))
        assert {row["uuid"] for row in rows} == {f"uuid-{n}" for n in range(5)}
        assert rows[0]["model_used"] == "lite0"
        data = form(session, live, "/console/try/") | {"label": "deepfake", "queue": "random"}
        said = session.post(f"{live.base}/console/review/uuid-3", data=data)
        assert said.status_code == 200
        assert "Deepfake" in _get(session, live, "results/uuid-3").text
        images = _get(session, live, "images/").text
        assert "uploads/1.jpg" in images
        assert "set for the bucket" in images
        assert "FACEGATE_STORE_IMAGES" not in images
        for path in ("review/next?queue=random", "images/", "operations/"):
            assert _get(session, live, path).status_code == 200


def _get(session: requests.Session, live: Live, path: str) -> requests.Response:
    return session.get(f"{live.base}/console/{path}")
