"""What a medium is: by content, then by name."""

from __future__ import annotations

import pytest

from service.errors import ImageError
from service.media.kinds import is_media_name, kind_of, media_type
from tests import clips
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
        (b"FORM\0\0\0\0AIFFCOMM", "", "audio"),
        (b"FORM\0\0\0\0AIFCFVER", "", "audio"),
        (b".snd\0\0\0 ", "", "audio"),
        (b"caff\0\1\0\0desc", "", "audio"),
        ((b"G" + bytes(187)) * 3, "", "video"),
        (b"G" + bytes(999), "", "image"),
        (b"GGG", "", "image"),
        (b"whatever", "thing.bin", "image"),
    ],
)
def test_the_kind_is_told(data: bytes, name: str, kind: str) -> None:
    assert kind_of(data, name) == kind


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "AVIF"])
def test_every_image_is_one(form: str) -> None:
    data = encode(portrait(), form)
    assert kind_of(data, "film.mp4") == "image"


def test_a_phones_photograph_is_no_film() -> None:
    assert kind_of(heif("portrait"), "film.mp4") == "image"


def test_film_is_told_by_content() -> None:
    assert kind_of(b"\0\0\0\x18ftypmp42", "a.jpg") == "video"


@pytest.mark.parametrize(
    ("name", "is_one"), [("a.mp4", True), ("a.ogg", True), ("._a.mp4", False), ("a.txt", False)]
)
def test_names_of_media(name: str, is_one: bool) -> None:
    assert is_media_name(name) == is_one


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ("mp4", "video/mp4"),
        ("mov", "video/mp4"),
        ("avi", "video/x-msvideo"),
        ("matroska", "video/x-matroska"),
        ("asf", "video/x-ms-wmv"),
        ("wav", "audio/wav"),
        ("mp3", "audio/mpeg"),
        ("flac", "audio/flac"),
        ("ipod", "audio/mp4"),
        ("ogg", "audio/ogg"),
        ("adts", "audio/aac"),
    ],
)
def test_types_of_media(form: str, told: str) -> None:
    made = clips.video(clips.plain(3), form) if form in clips.CODECS else clips.recording(form)
    assert media_type(made) == told


def test_types_of_images_and_of_nothing() -> None:
    assert media_type(genuine()) == "image/jpeg"
    with pytest.raises(ImageError):
        media_type(b"whatever")
