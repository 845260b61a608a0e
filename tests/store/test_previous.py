"""What the release before kept is read: licences, results, users with their history, calibrations.

The folder `previous` was filled by that release; expected.json is what it answered itself.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from service.analysis.decision.calibration import find_calibration
from service.analysis.records import SCHEMA, UnreadableRecord, from_record, to_record
from service.app import create_app
from service.settings import Settings
from service.store import open_store
from service.store.base import Store

PREVIOUS = Path(__file__).with_name("previous")
EXPECTED: dict[str, Any] = json.loads((PREVIOUS / "expected.json").read_text())
OWNER = {"Authorization": f"Bearer {EXPECTED['hash_id']}"}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    for name in ("facegate.db", "calibration.json"):
        shutil.copy(PREVIOUS / name, tmp_path)
    key = "previous-release-previous-release"
    # No models: nothing here is judged, and a test does not end while they are being loaded.
    return Settings(data_dir=tmp_path, models_dir=tmp_path, store="sqlite", digest_key=key)


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    opened = open_store(settings)
    yield opened
    opened.close()


@pytest.fixture
def client(settings: Settings) -> FlaskClient:
    return create_app(settings).test_client()


def test_results(client: FlaskClient) -> None:
    assert _told(client) == EXPECTED["results"]


def test_one_result(client: FlaskClient) -> None:
    (kept, *_) = EXPECTED["results"]
    answer = client.get(f"/v1/results/{kept['id']}", headers=OWNER).get_json()
    (finding,) = answer.pop("findings")
    assert answer.pop("request_id")
    assert answer.pop("kind") == "image"
    assert answer == kept
    assert (finding["task"], finding["decision"], finding["advisory"]) == (
        *("deepfake", "attack"),
        False,
    )
    shared = ("score", "probability", "threshold", "bpcer", "reasons")
    assert {name: finding[name] for name in shared} == {name: kept[name] for name in shared}
    assert finding["detectors"] == kept["faces"][0]["detectors"]


def test_licence_and_its_quota(store: Store) -> None:
    (licence,) = store.list_licences()
    assert (licence.name, licence.per_month) == ("bank", 1000)


def test_user_and_history(client: FlaskClient) -> None:
    form = {"username": "ada", "password": "correct horse"}
    token = client.post("/token", data=form).get_json()["access_token"]
    history = client.get("/history", headers={"Authorization": f"Bearer {token}"}).get_json()
    assert [record["verdict"] for record in history["records"]] == ["fake"]


def test_calibration(settings: Settings) -> None:
    found = find_calibration(settings)
    assert found is not None
    assert found.fits(EXPECTED["identity"])
    assert found.threshold(0.01) == 0.9


def test_what_is_kept_now_names_its_kind_and_schema(store: Store) -> None:
    kept = _any(store)
    assert "schema" not in kept.analysis
    record = to_record(from_record(kept.analysis))
    assert (record["kind"], record["schema"]) == ("image", SCHEMA)
    assert from_record(record) == from_record(kept.analysis)


def test_what_had_a_kind_but_no_findings_is_read_like_what_had_neither(store: Store) -> None:
    oldest = _any(store).analysis
    assert from_record(oldest | {"kind": "image", "schema": 1}) == from_record(oldest)


@pytest.mark.parametrize(
    "change", [{"schema": SCHEMA + 1}, {"schema": "x"}, {"faces": 1}, {"faces": []}]
)
def test_what_a_later_release_kept_is_passed_over(
    client: FlaskClient, store: Store, change: dict[str, Any]
) -> None:
    kept = _any(store)
    later = replace(kept, id=f"res_{0:032x}", analysis=kept.analysis | change)
    with pytest.raises(UnreadableRecord):
        from_record(later.analysis)
    store.put_result(later)
    assert client.get(f"/v1/results/{later.id}", headers=OWNER).status_code == 404
    assert _told(client) == EXPECTED["results"]


def _told(client: FlaskClient) -> list[dict[str, Any]]:
    """The results without what that release did not know."""
    page = client.get("/v1/results", headers=OWNER).get_json()
    return [
        {name: value for name, value in one.items() if name not in ("findings", "kind")}
        for one in page["results"]
    ]


def _any(store: Store) -> Any:
    (licence,) = store.list_licences()
    return store.list_results(licence.digest, 1)[0]
