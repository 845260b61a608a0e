"""Videos through every HTTP contract of a running service, hostile ones and long ones too."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from functools import cache
from typing import Any

import psutil
import pytest

from service.api.check.schemas import CheckAnswer, CheckTakenIn
from service.api.v1 import schemas
from tests import clips
from tests.conftest import GENUINE
from tests.images import genuine
from tests.live import Live
from tests.media.test_hostile_media import NO_FILMS, NO_RECORDINGS, Make
from tests.receiver import Receiver


# Made where they are asked for, not by every process that collects tests.
@cache
def film() -> bytes:
    return clips.video(clips.faces(12))


@cache
def long_film(faces: int = 12) -> bytes:
    return clips.video(clips.faces(faces), rate=1)


HOSTILE: dict[str, tuple[Make, int, str]] = {
    "truncated": (lambda: film()[: len(film()) // 2], 400, "INVALID_MEDIA"),
    "garbage": (lambda: b"\0\0\0\x20ftypisom" + bytes(range(256)) * 40, 400, "INVALID_MEDIA"),
    "sound": (
        lambda: clips.recording("ipod").replace(b"ftypM4A ", b"ftypisom"),
        *(422, "NO_SPEECH"),
    ),
    "no face": (lambda: clips.video(clips.plain(5)), 422, "FACE_NOT_FOUND"),
    "large": (lambda: clips.video(clips.plain(2, (640, 360))), 413, "MEDIA_TOO_LARGE"),
    "long": (long_film, 413, "MEDIA_TOO_LONG"),
}


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """Six seconds are long here."""
    limits = {"sync_seconds": 6.0, "max_frame_pixels": 200_000, "fetch_allow": "127.0.0.1"}
    with Live(tmp_path_factory.mktemp("films"), probability=GENUINE, **limits) as service:
        yield service


def analyze(live: Live, data: bytes, name: str = "film.mp4", field: str = "media") -> Any:
    key = {"X-Hash-Id": live.hash_id}
    return live.post("/v1/analyze", files={field: (name, data)}, headers=key)


def check(live: Live, data: bytes, **more: str) -> Any:
    fields = {"models": "deepfake", "api_user": "test", "api_secret": live.hash_id} | more
    return live.post("/1.0/check.json", data=fields, files={"media": ("film.mp4", data)})


def test_analyze(live: Live) -> None:
    answer = analyze(live, film())
    assert answer.status_code == 200
    body = answer.json()
    schemas.VideoAnswer.model_validate_json(answer.content, extra="forbid")
    assert (body["kind"], body["decision"], body["score"]) == ("video", "bona_fide", 0.233)
    assert (body["video"]["codec"], body["video"]["frames"]) == ("h264", 12)
    assert "sound" not in body
    assert [one["task"] for one in body["findings"]] == ["deepfake"]
    assert len(body["frames"]) >= 7
    assert body["tracks"][body["counted"]]["frames"] == len(body["frames"])


def test_sound_that_was_not_judged_says_why(live: Live) -> None:
    """A tone, in which nobody speaks."""
    answer = analyze(live, clips.video(clips.faces(12), sound=1.0))
    schemas.VideoAnswer.model_validate_json(answer.content, extra="forbid")
    assert answer.json()["sound_refused"] == "NO_SPEECH"
    assert "sound_refused" not in analyze(live, film()).json()


def test_the_content_tells_the_kind(live: Live) -> None:
    assert analyze(live, film(), "me.jpg", "image").json()["kind"] == "video"
    assert analyze(live, genuine(), "film.mp4").json()["kind"] == "image"
    body = {"image": base64.b64encode(film()).decode(), "hash_id": live.hash_id}
    assert live.post("/v1/analyze", json=body).json()["kind"] == "video"


def test_it_is_kept_and_recalled(live: Live) -> None:
    first = analyze(live, film()).json()
    again = analyze(live, film()).json()
    assert again["cached"]
    key = {"X-Hash-Id": live.hash_id}
    answer = live.get(f"/v1/results/{first['id']}", headers=key)
    schemas.VideoResultAnswer.model_validate_json(answer.content, extra="forbid")
    assert answer.json()["tracks"] == first["tracks"]
    assert live.get("/v1/results", headers=key).json()["results"][0]["kind"] == "video"


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_what_cannot_be_judged_is_named_in_time(live: Live, name: str) -> None:
    make, status, code = HOSTILE[name]
    start = time.monotonic()
    answer = analyze(live, make())
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert time.monotonic() - start < 20  # under 5 on a machine that has nothing else to do
    assert analyze(live, film()).status_code == 200


LYING = ("many frames", "endless atom", "atoms in atoms", "heads in heads", "many streams")
NOISE = ("65,535 channels", "a rate of 2 GHz", "mp3 of garbage", "an endless tag")


def test_no_hostile_file_costs_a_worker(live: Live) -> None:
    before = set(psutil.Process(live.process.pid).children())
    files = [NO_FILMS[name][0]() for name in LYING] + [NO_RECORDINGS[name][0]() for name in NOISE]
    for data in files:
        start = time.monotonic()
        answer = analyze(live, data)
        assert answer.json()["code"] in ("INVALID_MEDIA", "MEDIA_TOO_COMPLEX")
        assert time.monotonic() - start < 20
    assert analyze(live, film()).status_code == 200
    assert before <= set(psutil.Process(live.process.pid).children())


def test_a_long_one_is_a_job(live: Live) -> None:
    key = {"X-Hash-Id": live.hash_id}
    job = live.post("/v1/jobs", files={"media": ("film.mp4", long_film())}, headers=key).json()
    assert job["medium"]["kind"] == "video"
    found = _ended(live, job["id"])
    assert (found["state"], found["result"]["kind"]) == ("done", "video")
    assert found["result"]["video"]["seconds"] == 12


def test_check(live: Live) -> None:
    answer = check(live, film())
    body = answer.json()
    CheckAnswer.model_validate_json(answer.content, extra="forbid")
    assert list(body) == ["status", "request", "type", "media", "data"]
    assert body["type"] == {"deepfake": 0.233}
    frames = body["data"]["frames"]
    assert all(one["type"] == {"deepfake": 0.233} for one in frames)
    assert [one["info"]["position"] for one in frames] == sorted(
        one["info"]["position"] for one in frames
    )


def test_check_refuses_a_long_one_without_a_callback(live: Live) -> None:
    answer = check(live, long_film(13))
    assert answer.status_code == 413
    assert answer.json()["error"] == {
        "type": "media_error",
        "code": 307,
        "message": "The video or recording is longer than is accepted here; see /v1/jobs for"
        " long ones.",
    }


def test_check_calls_back_for_a_long_one(live: Live) -> None:
    with Receiver() as receiver:  # for one that no other test has had judged
        answer = check(live, long_film(13), callback_url=receiver.url)
        assert answer.status_code == 202
        body = answer.json()
        CheckTakenIn.model_validate_json(answer.content, extra="forbid")
        assert (body["status"], body["callback"]) == ("success", receiver.url)
        found = _ended(live, body["job"])
        assert found["result"]["decision"] == "bona_fide"
        deadline = time.monotonic() + 20
        while not receiver.posts and time.monotonic() < deadline:
            time.sleep(0.05)
    (post,) = receiver.posts
    assert post.result["type"] == "job.done"
    assert "webhook-signature" in {name.lower() for name in post.headers}


def _ended(live: Live, job: str) -> dict[str, Any]:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = live.get(f"/v1/jobs/{job}", headers={"X-Hash-Id": live.hash_id}).json()
        if found["state"] in ("done", "failed"):
            return dict(found)
        time.sleep(0.1)
    raise AssertionError("waited in vain")
