"""The image text of a request, as clean and as untidy as clients send it."""

from __future__ import annotations

import base64
import contextlib
import textwrap
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import BodyTooLarge, FacegateError, ImageError
from service.media.datauri import decode_image_text

DATA = bytes(range(256))
TEXT = base64.b64encode(DATA).decode()


def read(text: str, max_bytes: int = 1000) -> bytes:
    return decode_image_text(text, max_bytes=max_bytes)


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        f"data:image/jpeg;base64,{TEXT}",
        f"DATA:IMAGE/PNG;BASE64,{TEXT}",
        f"data:image/svg+xml;charset=utf-8;base64,{TEXT}",
        f"data:image/jpeg;name=selfie, mine.jpg;base64,{TEXT}",
        f"data:image/jpeg;name={'%E8%87%AA' * 80}.jpg;base64,{TEXT}",
        f"data:image/jpeg;base64,{quote(TEXT, safe='')}",
        quote(TEXT, safe=""),
        f"data:image/vnd.ms-photo;name=a.jpg;base64,{TEXT}",
        f"  \n data:image/jpeg;base64, {TEXT} \r\n",
        f"\t{TEXT}\n",
        "\r\n".join(textwrap.wrap(TEXT, 76)),
        "data:image/jpeg;base64," + "\n".join(textwrap.wrap(TEXT, 64)),
        f"data:application/octet-stream;base64,{TEXT}",
        f"data:;base64,{TEXT}",
        f"data: image/jpeg;base64,{TEXT}",
        f"data:text/plain;base64,{TEXT}",
        f"data:image/jpg;charset=utf-8;base64,{TEXT}",
        f"data:image/jpeg;base64;charset=utf-8,{TEXT}",
        f"data:image/jpeg; base64 , {TEXT}",
        f"image/jpeg;base64,{TEXT}",
        f"IMAGE/JPEG;BASE64,{TEXT}",
        f"base64,{TEXT}",
        f" Data:;BASE64,\r\n{TEXT}",
        base64.urlsafe_b64encode(DATA).decode(),
        TEXT.rstrip("="),
        base64.urlsafe_b64encode(DATA).decode().rstrip("="),
    ],
)
def test_tolerated(text: str) -> None:
    assert read(text) == DATA


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "data:",
        "data:image/jpeg;base64,",
        "data:image/jpeg,%FF%D8",
        f"data:image/jpeg,{TEXT}",
        f"data:image/jpeg;base64;{TEXT}",
        f"data:image/jpeg;{'x' * 1100};base64,{TEXT}",
        "not base64!",
        "AAAAA",
        "AA==AAAA",
        TEXT + "%",
        TEXT + "%C3%A9",
        TEXT + "é",
        TEXT + "\ud800",
        "https://example.org/selfie.jpg",
    ],
)
def test_refused(text: str) -> None:
    with pytest.raises(ImageError):
        read(text)


def test_the_limit_of_bytes_is_exact() -> None:
    assert read(TEXT, max_bytes=256) == DATA
    with pytest.raises(BodyTooLarge):
        read(TEXT, max_bytes=255)


def test_a_long_text_is_refused_before_it_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pybase64.b64decode", lambda *_, **__: pytest.fail("decoded"))
    with pytest.raises(BodyTooLarge):
        read("A" * 5000)


@given(data=st.binary(min_size=1, max_size=600), width=st.sampled_from([60, 64, 76, 10_000]))
def test_round_trip(data: bytes, width: int) -> None:
    text = "\r\n".join(textwrap.wrap(base64.b64encode(data).decode(), width))
    assert read(f"data:image/jpeg;base64,{text}\r\n", max_bytes=len(data)) == data


@given(st.text(max_size=400) | st.text(alphabet="dataimge:/;,bs64=+-_ \n", max_size=60))
def test_any_text_raises_nothing_but_our_errors(text: str) -> None:
    with contextlib.suppress(FacegateError):
        assert 0 < len(read(text)) <= 1000
