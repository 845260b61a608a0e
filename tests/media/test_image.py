"""Every nasty image by name, and mutations of sound ones: decoded, or refused as an ImageError."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from service.errors import ImageError, ImageTooLarge
from service.media.image import ENOUGH, DecodedImage, decode
from tests.images import BAD, GOOD, TOO_LARGE, encode, nasty, portrait

pytestmark = pytest.mark.filterwarnings("ignore:Corrupt EXIF")  # pytest undoes our own filter
TINY = portrait().resize((40, 30))
SEEDS = [
    encode(TINY, "JPEG"),
    encode(TINY, "JPEG", progressive=True),
    encode(TINY.convert("CMYK"), "JPEG"),
    encode(TINY),
    encode(TINY.convert("P"), transparency=1),
    encode(TINY.convert("1")),
]
ONE_PIXEL_WIDE = ["one-pixel.png", "one-pixel.jpg", "tall.png", "tall.jpg", "wide.png"]
PORTRAITS = [name for name in GOOD if name not in [*ONE_PIXEL_WIDE, "huge.jpg", "too-few-rows.png"]]
HALF = [name for name in PORTRAITS if name in ("rgba.png", "la.png", "palette-transparency.png")]
ROUGH = {"one-bit.png": 100, "palette-4-bit.png": 10}  # mean error allowed on the portrait


def read(data: bytes, max_pixels: int = 50_000_000) -> DecodedImage:
    return decode(data, max_pixels=max_pixels)


def difference(pixels: np.ndarray, expected: Image.Image) -> float:
    return float(np.abs(pixels.astype(float) - np.asarray(expected.convert("RGB"))).mean())


@pytest.mark.parametrize("name", [name for name in PORTRAITS if name not in HALF])
def test_the_portrait_is_read_upright(name: str) -> None:
    image = read(nasty(name))
    grey = name.startswith(("grey", "one-bit"))
    expected = portrait().convert("L") if grey else portrait()
    assert image.pixels.shape == (480, 480, 3)
    assert image.pixels.dtype == np.uint8
    assert image.pixels.flags.c_contiguous
    assert difference(image.pixels, expected) < ROUGH.get(name, 3)


@pytest.mark.parametrize("name", HALF)
def test_transparent_is_mid_grey(name: str) -> None:
    left, right = np.hsplit(read(nasty(name)).pixels, 2)
    assert (left == 127).all()
    assert right.std() > 40


@pytest.mark.parametrize("name", GOOD)
def test_the_format_is_told_by_content(name: str) -> None:
    expected = "PNG" if nasty(name).startswith(b"\x89PNG") else "JPEG"
    assert read(nasty(name)).format == expected


@pytest.mark.parametrize("name", ONE_PIXEL_WIDE)
def test_one_pixel_wide(name: str) -> None:
    image = read(nasty(name))
    assert image.pixels.shape == (image.height, image.width, 3)


@pytest.mark.parametrize("name", BAD)
def test_refused(name: str) -> None:
    with pytest.raises(ImageError) as caught:
        read(nasty(name))
    assert type(caught.value) is ImageError


@pytest.mark.parametrize("name", TOO_LARGE)
def test_too_many_pixels(name: str) -> None:
    with pytest.raises(ImageTooLarge):
        read(nasty(name))


def test_the_limit_of_pixels_is_exact() -> None:
    assert read(nasty("baseline.jpg"), max_pixels=480 * 480).width == 480
    with pytest.raises(ImageTooLarge):
        read(nasty("baseline.jpg"), max_pixels=480 * 480 - 1)


def test_pillows_own_guard_is_not_relied_on_but_heard() -> None:
    with pytest.raises(ImageTooLarge):
        read(nasty("pixel-bomb.png"), max_pixels=10**12)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize(("size", "shrunk"), [(3199, 3199), (3200, 1600), (6500, 1625)])
def test_a_large_photograph_is_shrunk(kind: str, size: int, shrunk: int) -> None:
    image = read(encode(Image.new("RGB", (size, 40), "red"), kind))
    assert (image.width, image.height) == (size, 40)
    assert image.pixels.shape[1] == shrunk >= min(size, ENOUGH)
    assert image.scale == pytest.approx(size / shrunk)


def test_orientation_is_applied_to_a_shrunk_photograph() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    image = read(encode(Image.new("RGB", (4000, 80)), "JPEG", exif=exif.tobytes()))
    assert image.pixels.shape == (2000, 40, 3)
    assert (image.width, image.height, image.scale) == (4000, 80, 2)


@given(seed=st.sampled_from(SEEDS), edits=st.data())
@settings(deadline=None, max_examples=300)
def test_mutated_files_raise_nothing_but_image_errors(seed: bytes, edits: st.DataObject) -> None:
    data = bytearray(seed)
    for _ in range(edits.draw(st.integers(1, 8))):
        data[edits.draw(st.integers(2, len(data) - 1))] = edits.draw(st.integers(0, 255))
    end = edits.draw(st.integers(0, len(data)) | st.just(len(data)))
    try:
        image = read(bytes(data[:end]), max_pixels=1_000_000)
    except ImageError:
        return
    assert image.pixels.shape[2] == 3
    assert image.pixels.size <= 3_000_000


@given(st.binary(max_size=500), st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"]))
@settings(deadline=None)
def test_random_bytes_raise_nothing_but_image_errors(body: bytes, magic: bytes) -> None:
    with pytest.raises(ImageError):
        read(magic + body)


@pytest.mark.parametrize("seed", range(len(SEEDS)))
def test_every_truncation_is_refused(seed: int) -> None:
    """All but the last bytes, which carry no pixels."""
    whole = SEEDS[seed]
    for end in range(0, len(whole) - 20, 7):
        with pytest.raises(ImageError):
            read(whole[:end])


def test_what_pillow_would_accept_by_itself_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A GIF is refused before any plug-in sees it."""
    monkeypatch.setattr(Image, "open", lambda *_, **__: pytest.fail("opened"))
    with pytest.raises(ImageError):
        read(encode(TINY, "GIF"))


def test_a_memory_error_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_memory(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(Image, "open", no_memory)
    with pytest.raises(ImageError):
        read(SEEDS[0])
