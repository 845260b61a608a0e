"""`/v1/jobs` over a running service: taken in, judged later, told by status and by callback."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
from standardwebhooks import Webhook, WebhookVerificationError

from service.api.v1 import schemas
from tests.images import genuine
from tests.live import Live, data_uri, steady_models
from tests.receiver import Receiver
from tests.servers import MongoServer
from tests.slow import slow_detector
from tests.waiting import eventually

HERE = {"fetch_allow": ("127.0.0.1",)}
SHORT = {"job_lease": 1.0}


def submit(live: Live, image: bytes | None = None, **more: Any) -> requests.Response:
    key = {"X-Hash-Id": more.pop("hash_id", live.hash_id)}
    files = {"media": ("selfie.jpg", genuine() if image is None else image)}
    return live.post("/v1/jobs", files=files, data=more, headers=key)


def status(live: Live, job_id: str, hash_id: str | None = None) -> requests.Response:
    return live.get(f"/v1/jobs/{job_id}", headers={"X-Hash-Id": hash_id or live.hash_id})


def withdraw(live: Live, job_id: str, hash_id: str | None = None) -> requests.Response:
    return live.delete(f"/v1/jobs/{job_id}", headers={"X-Hash-Id": hash_id or live.hash_id})


def ended(live: Live, job_id: str, hash_id: str | None = None) -> dict[str, Any]:
    def found() -> dict[str, Any] | None:
        body = dict(status(live, job_id, hash_id).json())
        return body if body["state"] in ("done", "failed") else None

    return dict(eventually(found))


@pytest.fixture(scope="module")
def open_room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """Callbacks may go to this machine, to the port of the test's receiver."""
    folder = tmp_path_factory.mktemp("jobs")
    more = HERE | {"callback_attempts": 2, "max_job_bytes": 2**20 * 3, "max_body_bytes": 2**20}
    with Live(folder, probability=0.233, workers=2, **more) as service:
        yield service


def test_a_job_is_taken_in_judged_and_found(room: Live) -> None:
    answer = submit(room)
    if room.settings.store == "null":
        assert (answer.status_code, answer.json()["code"]) == (503, "STORE_UNAVAILABLE")
        assert answer.json()["error"] == "Jobs need a store, and this service runs without one."
        return
    assert answer.status_code == 202
    body = answer.json()
    schemas.JobAnswer.model_validate_json(answer.content, extra="forbid")
    assert answer.headers["Location"] == body["status_url"] == f"/v1/jobs/{body['id']}"
    assert int(answer.headers["Retry-After"]) > 0
    found = ended(room, body["id"])
    assert (found["state"], found["progress"], found["callback"]) == ("done", 1.0, "none")
    assert found["result"]["score"] == pytest.approx(0.233, abs=1e-6)
    assert found["medium"]["sha256"] == found["result"]["image"]["sha256"]
    assert "Retry-After" not in status(room, body["id"]).headers
    kept = room.results(f"/{found['result']['id']}").json()
    assert kept["decision"] == found["result"]["decision"]


def test_a_job_in_json(live: Live) -> None:
    answer = live.post("/v1/jobs", json={"hash_id": live.hash_id, "media": data_uri(genuine())})
    assert answer.status_code == 202
    assert ended(live, answer.json()["id"])["state"] == "done"


def test_a_job_in_a_form_of_text(live: Live) -> None:
    form = {"hash_id": live.hash_id, "media": data_uri(genuine())}
    answer = live.post("/v1/jobs", files={"x": b""}, data=form)
    assert (answer.status_code, answer.json()["medium"]["kind"]) == (202, "image")


def test_the_medium_goes_when_it_is_judged(live: Live) -> None:
    job = ended(live, submit(live).json()["id"])
    assert not (live.folder / "data" / "jobs" / job["id"]).exists()


def test_what_cannot_be_judged_fails_with_its_code_and_costs_nothing(live: Live) -> None:
    hash_id = live.issue(name="poor", per_day=1)
    failed = ended(live, submit(live, b"no image", hash_id=hash_id).json()["id"], hash_id)
    assert (failed["state"], failed["code"]) == ("failed", "INVALID_IMAGE")
    assert "result" not in failed
    # The quota is given back a moment after the job has failed.
    again = eventually(lambda: (one := submit(live, hash_id=hash_id)).status_code == 202 and one)
    assert ended(live, again.json()["id"], hash_id)["state"] == "done"
    refused = submit(live, hash_id=hash_id)
    assert (refused.status_code, refused.json()["code"]) == (429, "QUOTA_EXCEEDED")


def test_another_tenant_sees_nothing_of_it(live: Live) -> None:
    job_id = submit(live).json()["id"]
    other = live.issue(name="other")
    for answer in (status(live, job_id, other), withdraw(live, job_id, other)):
        assert (answer.status_code, answer.json()["code"]) == (404, "JOB_NOT_FOUND")
    assert status(live, job_id).status_code == 200


@pytest.mark.parametrize("job_id", ["job_" + "0" * 32, "..%2f..", "x" * 100])
def test_a_job_that_is_not_there(live: Live, job_id: str) -> None:
    for answer in (status(live, job_id), withdraw(live, job_id)):
        assert answer.status_code == 404


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "BAD_REQUEST"),
        ({"media": ""}, "BAD_REQUEST"),
        ({"media": "%%%"}, "INVALID_IMAGE"),
        ({"media": data_uri(genuine()), "callback_url": ""}, "BAD_REQUEST"),
        ({"media": data_uri(genuine()), "callback_url": "ftp://a/"}, "URL_NOT_FETCHED"),
    ],
)
def test_a_request_that_is_wrong(live: Live, body: dict[str, Any], code: str) -> None:
    answer = live.post("/v1/jobs", json=body, headers={"X-Hash-Id": live.hash_id})
    assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_a_job_needs_a_licence(live: Live) -> None:
    assert live.post("/v1/jobs", files={"media": genuine()}).json()["code"] == "LICENCE_UNKNOWN"
    assert live.get("/v1/jobs/job_1").status_code == 401
    assert live.get("/v1/callback-secret").status_code == 401


def test_a_withdrawn_job_is_forgotten(live: Live) -> None:
    job_id = submit(live).json()["id"]
    assert withdraw(live, job_id).json()["id"] == job_id
    assert status(live, job_id).status_code == 404


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1/", "http://169.254.169.254/latest", "http://localhost:1/", "http://[::1]/"],
)
def test_a_callback_to_an_internal_address_is_refused_at_once(live: Live, url: str) -> None:
    answer = submit(live, callback_url=url)
    assert (answer.status_code, answer.json()["code"]) == (400, "URL_REFUSED")
    assert "id" not in answer.json()


def secret(live: Live, hash_id: str) -> str:
    answer = live.get("/v1/callback-secret", headers={"X-Hash-Id": hash_id})
    return str(answer.json()["secret"])


def test_a_callback_is_signed_for_its_owner_alone(open_room: Live) -> None:
    with Receiver() as receiver:
        job_id = submit(open_room, callback_url=receiver.url).json()["id"]
        eventually(lambda: receiver.posts)
        eventually(lambda: status(open_room, job_id).json()["callback"] == "delivered")
    (post,) = receiver.posts
    event = Webhook(secret(open_room, open_room.hash_id)).verify(post.body, post.headers)
    assert (event["type"], event["data"]["id"]) == ("job.done", job_id)
    assert event["data"]["result"]["decision"] == "bona_fide"
    assert post.headers["webhook-id"] == job_id
    other = Webhook(secret(open_room, open_room.issue(name="other")))
    with pytest.raises(WebhookVerificationError):
        other.verify(post.body, post.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret(open_room, open_room.hash_id)).verify(post.body + b" ", post.headers)


def test_a_callback_tells_of_a_failure(open_room: Live) -> None:
    with Receiver() as receiver:
        submit(open_room, b"no image", callback_url=receiver.url)
        eventually(lambda: receiver.posts)
    event = receiver.posts[0].result
    assert (event["type"], event["data"]["code"]) == ("job.failed", "INVALID_IMAGE")


def test_a_callback_is_tried_again_with_the_same_id(open_room: Live) -> None:
    with Receiver() as receiver:
        receiver.answers = [500]
        submit(open_room, callback_url=receiver.url)
        eventually(lambda: receiver.posts)
    assert receiver.refused[0].headers["webhook-id"] == receiver.posts[0].headers["webhook-id"]
    assert receiver.refused[0].body == receiver.posts[0].body


def test_a_callback_that_refuses_is_not_asked_again(open_room: Live) -> None:
    with Receiver() as receiver:
        receiver.answers = [410]
        job_id = submit(open_room, callback_url=receiver.url).json()["id"]
        eventually(lambda: status(open_room, job_id).json()["callback"] == "failed")
    assert (len(receiver.refused), len(receiver.posts)) == (1, 0)
    assert status(open_room, job_id).json()["state"] == "done"


def test_a_callback_that_hangs_holds_up_no_other(open_room: Live) -> None:
    with Receiver() as hanging, Receiver() as receiver:
        hanging.go.clear()
        for number in range(5):
            submit(open_room, callback_url=f"{hanging.url}/{number // 2}")
        other = open_room.issue(name="answers")
        submit(open_room, hash_id=other, callback_url=receiver.url)
        eventually(lambda: receiver.posts, seconds=10)
        assert not hanging.posts


def test_a_large_medium_needs_its_key_in_a_header(open_room: Live) -> None:
    large = genuine() + b"\0" * 2**21
    form = {"hash_id": open_room.hash_id}
    refused = open_room.post("/v1/jobs", files={"media": large}, data=form)
    assert (refused.status_code, refused.json()["code"]) == (413, "BODY_TOO_LARGE")
    stranger = submit(open_room, large, hash_id="fg_nobody")
    assert (stranger.status_code, stranger.json()["code"]) == (401, "LICENCE_UNKNOWN")
    job = submit(open_room, large).json()
    assert job["medium"]["size"] == len(large)
    assert ended(open_room, job["id"])["state"] == "done"


def test_a_medium_beyond_the_limit(open_room: Live) -> None:
    answer = submit(open_room, b"\xff\xd8\xff" + b"\0" * 2**20 * 4)
    assert (answer.status_code, answer.json()["code"]) == (413, "BODY_TOO_LARGE")


class Slow:
    """Services whose judgement waits until `go`, on one store."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        steady_models(folder / "models", 0.233)
        slow_detector(folder / "models")
        self.hold()

    def hold(self) -> None:
        (self.folder / "hold").touch()

    def go(self) -> None:
        (self.folder / "hold").unlink()

    def begun(self) -> list[int]:
        """Process ids, one a beginning."""
        file = self.folder / "begun"
        return [int(line) for line in file.read_text().split()] if file.exists() else []

    def live(self, name: str = "one", **settings: Any) -> Live:
        more: dict[str, Any] = {"models_dir": self.folder / "models", "workers": 2} | SHORT
        service = Live(self.folder / name, **more | {"fusion": "average"} | settings)
        service.environment |= {"SLOW_DETECTOR": str(self.folder)}
        return service


@pytest.fixture
def slow(tmp_path: Path) -> Slow:
    return Slow(tmp_path)


def test_the_job_of_a_killed_worker_is_taken_again(slow: Slow) -> None:
    with slow.live() as live:
        job_id = submit(live).json()["id"]
        (first,) = eventually(slow.begun)
        assert status(live, job_id).json()["state"] == "running"
        os.kill(first, signal.SIGKILL)
        eventually(lambda: len(slow.begun()) == 2)
        slow.go()
        assert ended(live, job_id)["state"] == "done"
    assert slow.begun()[1] != first


def test_a_job_that_kills_each_worker_is_given_up_and_costs_nothing(slow: Slow) -> None:
    with slow.live(job_attempts=2) as live:
        hash_id = live.issue(name="once", per_day=1)
        job_id = submit(live, hash_id=hash_id).json()["id"]
        for number in (1, 2):
            eventually(lambda: len(slow.begun()) == number)  # noqa: B023
            os.kill(slow.begun()[-1], signal.SIGKILL)
        found = ended(live, job_id, hash_id)
        assert found["state"] == "failed"
        assert found["code"] == "JOB_ABANDONED"
        assert "several times" in found["error"]
        assert not (live.folder / "data" / "jobs" / job_id).exists()
        slow.go()
        assert submit(live, hash_id=hash_id).status_code == 202


def test_a_service_that_is_stopped_lets_its_job_go_at_once(slow: Slow) -> None:
    with slow.live(job_lease=600.0, graceful_timeout=1) as live:
        job_id = submit(live).json()["id"]
        eventually(slow.begun)
        live.stop()
        slow.go()
        live.session = requests.Session()
        live.start()
        live.wait()
        assert ended(live, job_id)["state"] == "done"


def test_a_job_in_work_holds_up_no_request(slow: Slow) -> None:
    with slow.live(workers=1, slots=1, queue_depth=0) as live:
        submit(live)
        eventually(slow.begun)
        assert live.get("/readyz").status_code == 200
        slow_answer = live.post("/v1/jobs", files={"media": b""}, headers={"X-Hash-Id": "x"})
        assert slow_answer.status_code == 401
        slow.go()
        assert live.analyze(genuine()).status_code == 200


def test_limits_of_one_licence_of_all_and_of_bytes(slow: Slow) -> None:
    room = len(genuine()) * 3 + 1
    few = {"workers": 1, "max_jobs_per_licence": 2, "job_spool_bytes": room, "watchful": True}
    with slow.live(**few) as live:
        first, _ = submit(live).json()["id"], submit(live)
        own = submit(live)
        assert (own.status_code, own.json()["code"]) == (429, "TOO_MANY_JOBS")
        assert int(own.headers["Retry-After"]) > 0
        other = live.issue(name="other")
        assert submit(live, hash_id=other).status_code == 202
        full = submit(live, hash_id=other)
        assert (full.status_code, full.json()["code"]) == (503, "JOBS_FULL")
        assert int(full.headers["Retry-After"]) > 0
        eventually(lambda: "facegate_jobs_waiting 3.0" in live.get("/metrics").text)
        assert f"facegate_jobs_bytes {float(len(genuine()) * 3)}" in live.get("/metrics").text
        assert withdraw(live, first).status_code == 200
        assert submit(live).status_code == 202
        slow.go()


def test_two_containers_on_one_mongodb(slow: Slow, tmp_path: Path) -> None:
    with MongoServer(tmp_path / "mongo") as server:
        server.with_schema("facegate")
        shared = {"store": "mongo", "mongodb_uri": server.uri, "store_timeout": 5.0}
        shared |= {"workers": 1, "digest_key": "k" * 32}
        with slow.live("one", **shared) as one, slow.live("two", **shared) as two:
            job_id = submit(one).json()["id"]
            (first,) = eventually(slow.begun)
            holder = one if psutil.Process(first).ppid() == one.process.pid else two
            left = two if holder is one else one
            os.killpg(holder.process.pid, signal.SIGKILL)
            eventually(lambda: len(slow.begun()) == 2)
            slow.go()
            left.licensing  # noqa: B018 (the same licences as in the other container)
            left._hash_id = one.hash_id
            found = ended(left, job_id)
            assert (found["state"], found["result"]["left_out"]) == ("done", [])
