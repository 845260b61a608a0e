"""Each error code once, in the one shape; and nothing of an exception leaves the service."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import requests
from PIL import Image, ImageFilter

from service.app import create_app
from service.errors import (
    AccountError,
    ChallengeError,
    CloudError,
    FacegateError,
    MediaError,
    Reason,
    StartupError,
)
from service.settings import Settings
from tests.images import encode, genuine, nasty, portrait
from tests.live import Live, data_uri
from tests.servers import free_port

Ask = Callable[[Live], requests.Response]
JSON = {"Content-Type": "application/json"}


def _scaled(width: int) -> bytes:
    return encode(portrait().resize((width, width)))


def _twins() -> bytes:
    pair = Image.new("RGB", (960, 480))
    pair.paste(portrait(), (0, 0))
    pair.paste(portrait(), (480, 0))
    return encode(pair)


def _exposed(base: int, noise: int) -> bytes:
    """A tenth of the contrast on a grey level, and a camera's noise: else it would be blurry."""
    pixels = np.asarray(portrait()) / 10 + base
    pixels += np.random.default_rng(0).uniform(-noise, noise, pixels.shape[:2])[..., None]
    return encode(Image.fromarray(pixels.clip(0, 255).astype(np.uint8)))


def _expired(live: Live) -> requests.Response:
    return live.analyze(genuine(), hash_id=live.issue(expires_at=time.time() - 1))


def _revoked(live: Live) -> requests.Response:
    key = live.issue()
    register = live.licensing._register
    licence = register.by_hash_id(key)
    assert licence is not None
    register.revoke(licence)
    return live.analyze(genuine(), hash_id=key)


def _over_quota(live: Live) -> requests.Response:
    key = live.issue(per_month=1)
    live.analyze(genuine(), hash_id=key)
    return live.analyze(genuine(), hash_id=key)


CODES: dict[str, tuple[int, Ask]] = {
    "BAD_REQUEST": (400, lambda live: live.post("/v1/analyze", data="{", headers=JSON)),
    "NOT_FOUND": (404, lambda live: live.get("/nowhere")),
    "METHOD_NOT_ALLOWED": (405, lambda live: live.get("/v1/analyze")),
    "BODY_TOO_LARGE": (413, lambda live: live.analyze(bytes(13 * 2**20))),
    "WRONG_MEDIA_TYPE": (415, lambda live: live.post("/v1/analyze", data=b"hello")),
    "INVALID_IMAGE": (400, lambda live: live.analyze(nasty("truncated.jpg"))),
    "IMAGE_TOO_LARGE": (413, lambda live: live.analyze(nasty("pixel-bomb.png"))),
    "LICENCE_UNKNOWN": (401, lambda live: live.analyze(genuine(), hash_id="nobody's")),
    "LICENCE_EXPIRED": (403, _expired),
    "LICENCE_REVOKED": (403, _revoked),
    "FEATURE_NOT_LICENSED": (
        403,
        lambda live: live.analyze(genuine(), hash_id=live.issue(features=("history",))),
    ),
    "QUOTA_EXCEEDED": (429, _over_quota),
    "RESULT_NOT_FOUND": (404, lambda live: live.results("/res_0")),
    "FACE_NOT_FOUND": (422, lambda live: live.analyze(encode(Image.new("RGB", (300, 300))))),
    "FACE_TOO_SMALL": (422, lambda live: live.analyze(_scaled(110))),
}
STRICT: dict[str, Callable[[], bytes]] = {
    "TOO_MANY_FACES": _twins,
    "FACE_CROPPED": lambda: encode(portrait().crop((200, 0, 480, 480))),
    "FACE_CLOSE_TO_BORDER": lambda: encode(portrait().crop((165, 100, 480, 480))),
    "IMAGE_TOO_BLURRY": lambda: encode(portrait().filter(ImageFilter.GaussianBlur(7))),
    "IMAGE_TOO_DARK": lambda: _exposed(5, noise=5),
    "IMAGE_TOO_BRIGHT": lambda: _exposed(230, noise=15),
}


def check(answer: requests.Response, status: int, code: str) -> None:
    """The one shape of a refusal."""
    body = answer.json()
    assert (answer.status_code, body["code"]) == (status, code)
    assert list(body) == ["error", "code", "request_id"]
    assert body["error"].endswith((".", "format"))
    assert body["request_id"] == answer.headers["X-Request-ID"]


@pytest.mark.parametrize("code", CODES)
def test_code(live: Live, code: str) -> None:
    status, ask = CODES[code]
    check(ask(live), status, code)


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """Every reason refuses."""
    folder = tmp_path_factory.mktemp("strict")
    reasons = [reason.value for reason in Reason]
    with Live(folder, probability=0.233, multi_face="refuse", refuse=reasons) as service:
        yield service


@pytest.mark.parametrize("code", STRICT)
def test_each_reason_can_refuse(strict: Live, code: str) -> None:
    check(strict.analyze(STRICT[code]()), 422, code)


def test_a_fit_selfie_passes_where_every_reason_refuses(strict: Live) -> None:
    assert strict.analyze(genuine()).status_code == 200


@pytest.fixture(scope="module")
def lonely(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """Its MongoDB is away from the start; one image at a time, and nobody may wait."""
    uri = f"mongodb://user:secret@127.0.0.1:{free_port()}"
    folder = tmp_path_factory.mktemp("lonely")
    with Live(folder, probability=0.233, store="mongo", mongodb_uri=uri) as service:
        yield service


def test_store_unavailable(lonely: Live) -> None:
    answer = lonely.analyze(genuine(), hash_id="never seen")
    check(answer, 503, "STORE_UNAVAILABLE")
    assert int(answer.headers["Retry-After"]) > 0
    assert "secret" not in answer.text + lonely.log()


def test_overloaded(tmp_path: Path) -> None:
    image = nasty("huge.jpg")
    with Live(tmp_path, probability=0.233, slots=1, queue_depth=0) as live:
        answers: list[requests.Response] = []
        threads = [
            threading.Thread(target=lambda n=n: answers.append(_alone(live, image + bytes(n))))
            for n in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    busy = next(answer for answer in answers if answer.status_code != 200)
    check(busy, 503, "OVERLOADED")
    assert busy.headers["Retry-After"] == "1"
    assert any(answer.ok for answer in answers)


def _alone(live: Live, image: bytes) -> requests.Response:
    """On a connection of its own: a session's may not be shared by threads."""
    body = {"hash_id": live.hash_id, "image": data_uri(image)}
    return requests.post(f"{live.base}/v1/analyze", json=body, timeout=60)


def test_an_exception_that_nobody_foresaw_stays_inside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    app = create_app(Settings(data_dir=tmp_path, store="sqlite"))
    monkeypatch.setattr("service.runtime.metrics.exposition", lambda: 1 / 0)
    answer = app.test_client().get("/metrics")
    assert (answer.status_code, answer.json["code"]) == (500, "INTERNAL_ERROR")
    assert b"division" not in answer.data
    logged = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    (line,) = [line for line in logged if line["event"] == "unhandled"]
    assert "ZeroDivisionError" in line["exception"]
    assert line["request_id"] == answer.json["request_id"]


def test_every_code_is_tested_here() -> None:
    tested = {*CODES, *STRICT, "STORE_UNAVAILABLE", "OVERLOADED", "INTERNAL_ERROR"}
    elsewhere = {"NOT_READY"}  # in tests/contracts/test_facia.py
    elsewhere |= {"URL_NOT_FETCHED", "URL_REFUSED"}  # in tests/contracts/test_check.py
    elsewhere |= {"UNSUPPORTED_MEDIA", *_codes(CloudError)}  # met on the command line
    elsewhere |= {"JOB_NOT_FOUND", "TOO_MANY_JOBS", "JOBS_FULL", "JOB_ABANDONED"}  # test_jobs.py
    elsewhere |= _codes(MediaError)  # in tests/media, and tests/contracts/test_video.py
    elsewhere |= {"AUDIT_UNAVAILABLE"}  # in tests/audit
    elsewhere |= {"VIDEO_TOO_SHORT"}  # in tests/analysis/test_video.py
    elsewhere |= {"NO_SPEECH", "SPEECH_TOO_SHORT"}  # in tests/contracts/test_recording.py
    elsewhere |= {"AUDIO_TOO_NOISY", "AUDIO_CLIPPED"}  # in tests/analysis/voice/test_quality.py
    elsewhere |= {"DETECTORS_FAILED"}  # in tests/analysis/detectors/test_ensemble.py
    elsewhere |= {"ADDRESS_TOO_LONG", "HEADERS_TOO_LARGE"}  # in test_broken_requests.py
    elsewhere |= {"REQUEST_TIMEOUT"}  # in tests/security/test_slow_clients.py
    elsewhere |= {"UNREADABLE", "BAD_MESSAGE", "CALLBACK_REFUSED", "CALLBACK_UNAVAILABLE"}
    elsewhere |= {"INFERENCE_FAILED"}  # in tests/cloud
    elsewhere |= _codes(ChallengeError)  # in tests/contracts/test_sessions.py
    elsewhere |= {"SIGNING_UNAVAILABLE"}  # in tests/signing
    elsewhere |= {"RANGE_BEYOND_END"}  # in test_reply.py
    elsewhere |= {"WRONG_FORM"}  # in tests/web/test_people.py
    elsewhere |= {"STORE_TOO_SLOW"}  # in tests/store/mongo/test_windows.py
    elsewhere |= {"PROVENANCE_REFUSED"}  # in tests/contracts/test_provenance.py
    elsewhere |= _codes(AccountError)  # in tests/contracts/test_gateway.py
    # The face's measures that the bundled portrait cannot be made to show: tests/analysis.
    elsewhere |= {"FACE_IS_OCCLUDED", "FACE_ANGLE_TOO_LARGE"}
    assert tested | elsewhere == {*_codes(FacegateError), *Reason} - {StartupError.code}


def _codes(error: type[FacegateError]) -> set[str]:
    return {error.code}.union(*(_codes(child) for child in error.__subclasses__()))


def test_a_wrong_method_names_the_right_one(live: Live) -> None:
    assert set(live.get("/v1/analyze").headers["Allow"].split(", ")) == {"OPTIONS", "POST"}
