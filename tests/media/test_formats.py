"""The format is told by content; a name only says what a folder is searched for."""

from __future__ import annotations

import pytest

from service.errors import ImageError
from service.media.formats import format_of, is_image_name, media_type
from tests.images import encode, genuine, heif, portrait


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "AVIF"])
def test_what_pillow_writes(form: str) -> None:
    data = encode(portrait(), form)
    assert format_of(data) == form
    assert media_type(data) == f"image/{form.lower()}"


@pytest.mark.parametrize(
    ("brands", "form"),
    [
        (b"heic\0\0\0\0mif1heic", "HEIF"),
        (b"heix\0\0\0\0mif1heix", "HEIF"),
        (b"mif1\0\0\0\0mif1heic", "HEIF"),
        (b"msf1\0\0\0\0hevcmsf1", "HEIF"),
        (b"avif\0\0\0\0mif1miaf", "AVIF"),
        (b"mif1\0\0\0\0avifmif1", "AVIF"),
        (b"mp42\0\0\0\0mp42isom", None),
        (b"qt  \0\0\0\0qt  ", None),
        (b"M4A \0\0\0\0isommp42", None),
    ],
)
def test_the_brands_of_an_iso_file(brands: bytes, form: str | None) -> None:
    head = (len(brands) + 8).to_bytes(4, "big") + b"ftyp" + brands
    assert format_of(head + bytes(100)) == form
    assert format_of(head + b"heicavif") == form  # what follows the box is none of its brands


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"R",
        b"RIFF\0\0\0\0WAVE",
        b"GIF89a",
        b"%PDF",
        b"<svg/>",
        b"\xff\xffff\xfftyp",
        genuine()[1:],
    ],
)
def test_no_image(data: bytes) -> None:
    assert format_of(data) is None
    with pytest.raises(ImageError):
        media_type(data)


def test_heif() -> None:
    assert media_type(heif("portrait")) == "image/heif"


@pytest.mark.parametrize(
    "name", ["a.jpg", "B.HEIC", "c.heif", "d.avif", "e.webp", "f.tif", "s3/g.BMP"]
)
def test_names_of_images(name: str) -> None:
    assert is_image_name(name)


@pytest.mark.parametrize("name", ["a.mp4", "jpg", "b.gif", "c.jpg.txt", ""])
def test_other_names(name: str) -> None:
    assert not is_image_name(name)
