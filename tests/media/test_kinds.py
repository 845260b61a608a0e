"""What a medium is: by content, then by name."""

from __future__ import annotations

import pytest

from service.errors import ImageError, ImageTooLarge, UnsupportedMedia
from service.media.kinds import kind_of, readable, sniffed_type
from tests.images import encode, genuine, portrait


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


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "BMP", "TIFF"])
def test_the_media_type_comes_from_the_bytes(form: str) -> None:
    assert sniffed_type(encode(portrait(), form)) == f"image/{form.lower()}"


def test_no_image_has_no_image_type() -> None:
    with pytest.raises(ImageError):
        sniffed_type(b"<html>")


def test_jpeg_and_png_go_through_untouched() -> None:
    assert readable(genuine(), "a", 10**7) == genuine()


def test_film_is_not_read() -> None:
    with pytest.raises(UnsupportedMedia):
        readable(b"\0\0\0\x18ftypmp42", "a.jpg", 10**7)


def test_a_bomb_is_refused_before_it_is_decoded() -> None:
    with pytest.raises(ImageTooLarge):
        readable(encode(portrait(), "WEBP"), "a.webp", 100)


@pytest.mark.parametrize("form", ["WEBP", "BMP", "TIFF"])
def test_half_an_image_is_refused(form: str) -> None:
    data = encode(portrait(), form)
    with pytest.raises(ImageError):
        readable(data[: len(data) // 2], "a", 10**7)
