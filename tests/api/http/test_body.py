"""What comes in is guarded: sizes, types, nesting, odd bytes. Over HTTP, and raw where it must."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.images import genuine
from tests.live import Live, data_uri

JSON = {"Content-Type": "application/json"}
ROUTES = ["/liveness", "/v1/analyze", "/v1/analyze/batch"]


def _post(live: Live, path: str, data: bytes | str, **headers: str) -> tuple[int, str, str]:
    answer = live.post(path, data=data, headers=JSON | headers)
    return answer.status_code, answer.json()["code"], answer.json()["error"]


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b'{"a": 1,}',
        b"\xff\xfe",
        b'{"hash_id": "\xff"}',
        b"\0",
        b'{"a": NaN}',
        b'{"a": "\\ud800"}',
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b"[" * 1_000_000,
    ],
    ids=lambda text: repr(text[:12]),
)
def test_broken_json(live: Live, path: str, text: bytes) -> None:
    assert _post(live, path, text) == (400, "BAD_REQUEST", "The request body is not valid JSON.")


def _form(live: Live, path: str, *parts: tuple[str, bytes], **headers: str) -> dict[str, Any]:
    """The answer to a form of parts, each of a head and a content, as a client wrote them."""
    lines = [b"--limit\r\n" + head.encode("latin-1") + b"\r\n\r\n" + data for head, data in parts]
    kind = {"Content-Type": "multipart/form-data; boundary=limit", "X-Hash-Id": live.hash_id}
    answer = live.post(path, data=b"\r\n".join([*lines, b"--limit--\r\n"]), headers=kind | headers)
    return dict(answer.json(), status_code=answer.status_code)


def _part(name: str, more: str = "", kind: str = "image/jpeg") -> str:
    return f'Content-Disposition: form-data; name="{name}"{more}\r\nContent-Type: {kind}'


NOT_CHOSEN = _part("image", '; filename=""', "application/octet-stream"), b""


def test_a_field_of_files_in_which_none_was_chosen_is_passed_over(live: Live) -> None:
    text = _part("selfie_image", kind="text/plain"), data_uri(genuine()).encode()
    assert _form(live, "/v1/analyze", NOT_CHOSEN, text)["score"] == 0.233
    assert _form(live, "/v1/analyze", NOT_CHOSEN)["error"] == "The field image is missing."


@pytest.mark.parametrize("path", ["/v1/analyze", "/detect"])
@pytest.mark.parametrize("more", ["", '; filename=""', '; filename="Stra\xdfe.jpg"'])
def test_an_upload_needs_no_name_of_a_file(live: Live, path: str, more: str) -> None:
    name = "file" if path == "/detect" else "image"
    answer = _form(live, path, (_part(name, more), genuine()))
    assert answer["status_code"] == 200, answer


def test_of_several_images_none_is_passed_over_in_silence(live: Live) -> None:
    one, other = (_part("image", '; filename="a.jpg"'), genuine()), (_part("media"), genuine())
    answer = _form(live, "/v1/analyze", one, other)
    assert (answer["status_code"], "more than one image" in answer["error"]) == (400, True)
    twice = [(_part("file", '; filename="a.jpg"'), genuine())] * 2
    assert "given more than once" in str(_form(live, "/detect", *twice))
    twice = [(_part("media", '; filename="a.jpg"'), genuine())] * 2
    for path in ("/1.0/check.json", "/v1/jobs"):
        assert "given more than once" in str(_form(live, path, *twice)), path
    body = {"hash_id": live.hash_id, "image": "AAAA", "selfie_image": "BBBB"}
    code, _, sentence = _post(live, "/v1/analyze", json.dumps(body))
    assert (code, "another image" in sentence) == (400, True)


@pytest.mark.parametrize(("text", "said"), [("{", "it is not valid JSON."), ("", "")])
def test_a_capture_that_is_no_json_is_told_without_the_words_of_a_library(
    live: Live, text: str, said: str
) -> None:
    capture = _part("capture", kind="text/plain"), text.encode()
    explain = _part("explain", kind="text/plain"), b""  # an empty field of a form says nothing
    answer = _form(live, "/v1/analyze", (_part("image"), genuine()), capture, explain)
    assert answer.get("error", "") == (said and f"The field capture is wrong: {said}")


@pytest.mark.parametrize("path", ["/v1/analyze", "/detect", "/v1/results", "/v1/jobs/x"])
@pytest.mark.parametrize("given", [b"Basic \xe9", b"Basic ?", b"Bearer", b"Bearer a=b", b"\xff"])
def test_any_authorization_ends_in_an_answer(live: Live, path: str, given: bytes) -> None:
    ask = live.post if path in ("/v1/analyze", "/detect") else live.get
    answer = ask(path, headers={"Authorization": given})
    assert answer.status_code in (400, 401, 404, 415), answer.text


@pytest.mark.parametrize("path", ["/v1//analyze", "//v1/analyze", "/1.0//check.json"])
def test_a_wrong_method_on_a_path_with_two_slashes_is_refused(live: Live, path: str) -> None:
    answer = live.delete(path)
    assert (answer.status_code, "code" in answer.text) == (405, True)


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize("text", ["[]", "null", '"text"', "7", "true"])
def test_json_that_is_no_object(live: Live, path: str, text: str) -> None:
    sentence = "The request body must be a JSON object."
    assert _post(live, path, text) == (400, "BAD_REQUEST", sentence)


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize(
    "kind", ["", "text/plain", "application/x-www-form-urlencoded", "image/jpeg", "application/xml"]
)
def test_wrong_media_types(live: Live, path: str, kind: str) -> None:
    answer = live.post(path, data=b"{}", headers={"Content-Type": kind})
    assert (answer.status_code, answer.json()["code"]) == (415, "WRONG_MEDIA_TYPE")


def test_a_compressed_body_is_not_unpacked(live: Live) -> None:
    status, code, _ = _post(live, "/v1/analyze", b"\x1f\x8b", **{"Content-Encoding": "gzip"})
    assert (status, code) == (415, "WRONG_MEDIA_TYPE")


def test_a_charset_and_capitals_in_the_type_do_no_harm(live: Live) -> None:
    kind = {"Content-Type": "Application/JSON; charset=UTF-8"}
    body = json.dumps({"hash_id": live.hash_id, "image": data_uri(genuine())})
    assert live.post("/v1/analyze", data=body, headers=kind).status_code == 200


@pytest.mark.parametrize(
    ("field", "value"), [("image", 7), ("hash_id", ["x"]), ("explain", "maybe"), ("explain", 1)]
)
def test_a_wrong_field_is_named_and_its_value_is_not(live: Live, field: str, value: object) -> None:
    body = {"hash_id": "secret-4711", "image": "AAAA", field: value}
    answer = live.post("/v1/analyze", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(f"The field {field} is wrong: Input should be a valid")
    assert "secret" not in answer.text
    assert "maybe" not in answer.text


def test_a_missing_image_is_named(live: Live) -> None:
    sentence = "The field image is missing."
    body = {"hash_id": live.hash_id}
    assert live.post("/v1/analyze", json=body).json()["error"] == sentence
    form = {"hash_id": (None, live.hash_id)}
    assert live.post("/v1/analyze", files=form).json()["error"] == sentence
    assert live.post("/v1/analyze/batch", files=form).json()["error"] == sentence


def test_of_a_field_given_twice_the_last_counts_and_unknown_ones_are_ignored(live: Live) -> None:
    image = data_uri(genuine())
    text = f'{{"x": 1, "hash_id": "a", "hash_id": "{live.hash_id}", "image": "{image}"}}'
    assert live.post("/v1/analyze", data=text, headers=JSON).status_code == 200


@pytest.mark.parametrize("key", ["\0", "a\0b", "x" * 100_000, "\N{FACE WITH TEARS OF JOY}", "$ne"])
def test_an_odd_hash_id_is_an_unknown_one(room: Live, key: str) -> None:
    assert room.analyze(genuine(), hash_id=key).json()["code"] == "LICENCE_UNKNOWN"


def test_a_form_without_a_boundary_has_no_image(live: Live) -> None:
    kind = {"Content-Type": "multipart/form-data"}
    answer = live.post("/v1/analyze", data=b"--x\r\n", headers=kind)
    assert (answer.status_code, answer.json()["code"]) == (400, "BAD_REQUEST")


def test_a_form_of_too_many_parts_is_refused(live: Live) -> None:
    parts = {f"n{n}": (None, "x") for n in range(1100)}
    answer = live.post("/v1/analyze", files=parts)
    assert (answer.status_code, answer.json()["code"]) == (413, "BODY_TOO_LARGE")


def test_an_image_as_text_in_a_form_may_be_as_large_as_a_body(live: Live) -> None:
    image = data_uri(genuine() + bytes(3_000_000))
    form = {"hash_id": (None, live.hash_id), "image": (None, image)}
    assert live.post("/v1/analyze", files=form).status_code == 200


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """Accepts 100 kB."""
    folder: Path = tmp_path_factory.mktemp("narrow")
    with Live(folder, probability=0.233, max_body_bytes=100_000) as service:
        yield service


@pytest.mark.parametrize("path", ROUTES)
def test_a_declared_length_beyond_the_limit_is_refused_unread(narrow: Live, path: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", narrow.settings.port, timeout=20)
    connection.putrequest("POST", path)
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Content-Length", str(10**12))
    connection.endheaders()  # and not one byte of it
    answer = connection.getresponse()
    assert (answer.status, json.loads(answer.read())["code"]) == (413, "BODY_TOO_LARGE")


@pytest.mark.parametrize("path", ROUTES)
def test_a_chunked_body_beyond_the_limit_is_refused(narrow: Live, path: str) -> None:
    def body() -> Iterator[bytes]:
        yield b'{"hash_id": "'
        for _ in range(200):
            yield b"x" * 1000

    answer = narrow.post(path, data=body(), headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (413, "BODY_TOO_LARGE")


def test_a_chunked_body_within_the_limit_is_read(narrow: Live) -> None:
    text = json.dumps({"hash_id": narrow.hash_id, "image": data_uri(genuine())}).encode()
    answer = narrow.post("/v1/analyze", data=iter([text[:999], text[999:]]), headers=JSON)
    assert answer.status_code == 200


@pytest.mark.parametrize("part", [(None, "x" * 200_000), ("a.jpg", b"x" * 200_000)])
def test_a_form_beyond_the_limit_is_refused(narrow: Live, part: tuple[str | None, bytes]) -> None:
    answer = narrow.post("/v1/analyze", files={"image": part})
    assert (answer.status_code, answer.json()["code"]) == (413, "BODY_TOO_LARGE")


def test_a_chunked_form_beyond_the_limit_is_refused(narrow: Live) -> None:
    head = b'--b\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    parts = iter([head, *[b"x" * 1000] * 200, b"\r\n--b--\r\n"])
    answer = narrow.post("/v1/analyze", data=parts, headers=kind)
    assert (answer.status_code, answer.json()["code"]) == (413, "BODY_TOO_LARGE")


@pytest.mark.parametrize("path", ["/v1/analyze", "/healthz", "/nowhere"])
def test_a_refused_body_of_many_megabytes_still_gets_its_answer(narrow: Live, path: str) -> None:
    for kind in JSON, {"Content-Type": "image/jpeg"}:
        answer = narrow.post(path, data=bytes(30 * 2**20), headers=kind)
        assert answer.status_code in {404, 405, 413, 415}
        assert answer.json()["code"]


def test_the_next_request_on_the_connection_is_answered(narrow: Live) -> None:
    assert narrow.post("/v1/analyze", data=bytes(150_000), headers=JSON).status_code == 413
    assert narrow.get("/healthz").status_code == 200
