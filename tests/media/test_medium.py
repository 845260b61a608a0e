"""What came in: hashed as it was received, bounded, told by content."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import pytest

from service.errors import BodyTooLarge
from service.media.medium import IN_MEMORY, Medium
from tests.images import encode, genuine, portrait

VIDEO = b"\0\0\0\x18ftypisom" + b"\0" * 64


def test_the_hash_is_of_the_bytes_as_received() -> None:
    data = genuine() + b"trailing"
    for medium in (Medium.of(data), Medium.receive(io.BytesIO(data), len(data))):
        assert medium.sha256 == hashlib.sha256(data).hexdigest()
        assert (medium.size, medium.kind, medium.format) == (len(data), "image", "JPEG")
        assert medium.read() == data


def test_it_can_be_read_again() -> None:
    medium = Medium.receive(io.BytesIO(genuine()), 10**7)
    assert medium.open().read(3) == b"\xff\xd8\xff"
    assert medium.read() == medium.read() == genuine()


@pytest.mark.parametrize(
    ("data", "name", "kind"),
    [
        (VIDEO, "selfie.jpg", "video"),
        (encode(portrait()), "clip.mp4", "image"),
        (b"?", "voice.wav", "audio"),
        (b"?", "", "image"),
    ],
)
def test_the_kind_is_told_by_content_before_the_name(data: bytes, name: str, kind: str) -> None:
    assert Medium.of(data, name=name).kind == kind
    assert Medium.receive(io.BytesIO(data), 10**7, name).kind == kind


def test_a_contract_may_say_the_kind() -> None:
    assert Medium.of(VIDEO, "image").kind == "image"


@pytest.mark.parametrize("size", [0, 1, IN_MEMORY, IN_MEMORY + 1, 3 * IN_MEMORY])
def test_a_stream_is_read_up_to_its_limit(size: int) -> None:
    data = bytes(size)
    assert Medium.receive(io.BytesIO(data), size).read() == data
    if size:
        with pytest.raises(BodyTooLarge):
            Medium.receive(io.BytesIO(data), size - 1)


def test_a_large_one_lies_in_a_file_without_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    medium = Medium.receive(io.BytesIO(bytes(2 * IN_MEMORY)), 3 * IN_MEMORY)
    assert medium._file._rolled
    assert list(tmp_path.iterdir()) == []
