"""What a medium is: by content, then by name."""

from __future__ import annotations

import pytest

from service.errors import UnsupportedMedia
from service.media.kinds import check_image, kind_of
from tests.images import encode, genuine, heif, portrait


@pytest.mark.parametrize(
    ("data", "name", "kind"),
    [
        (genuine(), "film.mp4", "image"),
        (b"\0\0\0\x18ftypmp42", "selfie.jpg", "video"),
        (b"\0\0\0\x18ftypM4A ", "", "audio"),
        (b"RIFF\0\0\0\0WAVE", "", "audio"),
        (b"RIFF\0\0\0\0AVI ", "", "video"),
        (b"\x1aE\xdf\xa3", "", "video"),
        (b"OggS", "", "audio"),
        (b"\xff\xfb\x90", "song.mp3", "audio"),
        (b"whatever", "thing.bin", "image"),
    ],
)
def test_the_kind_is_told(data: bytes, name: str, kind: str) -> None:
    assert kind_of(data, name) == kind


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "AVIF"])
def test_every_image_is_one(form: str) -> None:
    data = encode(portrait(), form)
    assert kind_of(data, "film.mp4") == "image"
    check_image(data, "film.mp4")


def test_a_phones_photograph_is_no_film() -> None:
    assert kind_of(heif("portrait"), "film.mp4") == "image"


def test_film_is_not_read() -> None:
    with pytest.raises(UnsupportedMedia):
        check_image(b"\0\0\0\x18ftypmp42", "a.jpg")
