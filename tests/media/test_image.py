"""Every nasty image by name, and mutations of sound ones: decoded, or refused as an ImageError."""

from __future__ import annotations

import contextlib
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from service.errors import ImageError, ImageTooLarge
from service.media.formats import format_of
from service.media.image import ENOUGH, DecodedImage, decode
from service.media.picture import flatten
from service.media.picture.png import MOST_TEXTS, plain
from service.settings import Settings
from tests.images import BAD, GOOD, TOO_LARGE, chunk, encode, genuine, heif, nasty, png, portrait
from tests.thorough import either

pytestmark = pytest.mark.filterwarnings("ignore:Corrupt EXIF")  # pytest undoes our own filter
TINY = portrait().resize((40, 30))
SEEDS = [
    encode(TINY, "JPEG"),
    encode(TINY, "JPEG", progressive=True),
    encode(TINY.convert("CMYK"), "JPEG"),
    encode(TINY),
    encode(TINY.convert("P"), transparency=1),
    encode(TINY.convert("1")),
    encode(TINY, "JPEG", optimize=True, restart_marker_blocks=2),
    encode(TINY, "WEBP"),
    encode(TINY, "AVIF"),
    encode(TINY, "TIFF", compression="tiff_lzw"),
    encode(TINY.convert("P"), "BMP"),
    heif("alpha"),
]
SELF_MADE = range(len(SEEDS) - 5)  # JPEG and PNG
MAGIC = [b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"BM", b"II*\0", b"MM\0*"]
MAGIC += [b"RIFF\0\0\1\0WEBP", b"\0\0\0\x14ftypheic\0\0\0\0mif1", b"\0\0\0\x14ftypavif\0\0\0\0mif1"]
ONE_PIXEL_WIDE = ["one-pixel.png", "one-pixel.jpg", "tall.png", "tall.jpg", "wide.png"]
PORTRAITS = [name for name in GOOD if name not in [*ONE_PIXEL_WIDE, "huge.jpg"]]
HALF = ["rgba.png", "la.png", "palette-transparency.png"]
HALF += ["alpha.webp", "alpha.avif", "alpha.heic", "alpha.tiff"]
ROUGH = {"one-bit.png": 100, "palette-4-bit.png": 10}  # mean error allowed on the portrait


def read(data: bytes, max_pixels: int = 50_000_000) -> DecodedImage:
    return decode(data, max_pixels=max_pixels)


def difference(pixels: np.ndarray, expected: Image.Image) -> float:
    return float(np.abs(pixels.astype(float) - np.asarray(expected.convert("RGB"))).mean())


def test_few_texts_of_a_png_are_unpacked() -> None:
    assert plain(nasty("many-orientations.png")).count(b"zTXt") == MOST_TEXTS


@pytest.mark.parametrize("name", [name for name in PORTRAITS if name not in HALF])
def test_the_portrait_is_read_upright(name: str) -> None:
    image = read(nasty(name))
    grey = name.startswith(("grey", "one-bit", "plane-by-plane"))
    expected = portrait().convert("L") if grey else portrait()
    assert image.pixels.shape == (480, 480, 3)
    assert image.pixels.dtype == np.uint8
    assert image.pixels.flags.c_contiguous
    assert difference(image.pixels, expected) < ROUGH.get(name, 3)


@pytest.mark.parametrize("name", HALF)
def test_transparent_is_mid_grey(name: str) -> None:
    left, right = np.hsplit(read(nasty(name)).pixels, 2)
    lossy = 8 if name.endswith((".avif", ".heic")) else 0  # columns
    assert (left[:, : 240 - lossy] == 127).all()
    assert right.std() > 40


@pytest.mark.parametrize("name", GOOD)
def test_the_format_is_told_by_content(name: str) -> None:
    data = nasty(name)
    assert read(data).format == format_of(data) is not None


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
@settings(deadline=None, max_examples=either(300, 100))
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


@given(st.binary(max_size=500), st.sampled_from(MAGIC))
@settings(deadline=None)
def test_random_bytes_raise_nothing_but_image_errors(body: bytes, magic: bytes) -> None:
    with pytest.raises(ImageError):
        read(magic + body)


@pytest.mark.parametrize("seed", SELF_MADE)
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


@pytest.mark.parametrize("size", [(8160, 6144), (6144, 8160)])
def test_a_photograph_of_fifty_megapixels_is_read(size: tuple[int, int]) -> None:
    image = read(encode(Image.new("RGB", size, "red"), "JPEG"), Settings().max_pixels)
    assert (image.width, image.height) == size


def test_what_takes_more_memory_may_have_fewer_pixels() -> None:
    """The limit is one of pixels for what decodes as it comes."""
    sequential, cmyk = encode(TINY, "JPEG"), encode(TINY.convert("CMYK"), "JPEG", progressive=True)
    assert read(sequential, max_pixels=40 * 30).width == 40
    with pytest.raises(ImageTooLarge):
        read(cmyk, max_pixels=40 * 30)
    assert read(cmyk, max_pixels=2 * 40 * 30).width == 40


@pytest.mark.parametrize("step", [1, 2])
def test_strips_leave_no_seam(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Transparency is worked out strip by strip; the result is that of the whole."""
    large = portrait().convert("RGBA").resize((1700 * step, 300 * step))
    large.putalpha(large.getchannel("R"))
    data = encode(large)
    whole = read(data).pixels
    monkeypatch.setattr(flatten, "STRIP", 5000)
    assert (read(data).pixels == whole).all()
    paper = Image.new("RGBA", large.size, (127, 127, 127, 255))
    expected = Image.alpha_composite(paper, large).convert("RGB").reduce(step)
    assert (whole == np.asarray(expected)).all()


@pytest.mark.parametrize("damage", ["palette-short.png", "large-icc.png", "motion-photo.jpg"])
def test_what_no_pixel_depends_on_costs_no_time(damage: str) -> None:
    start = time.perf_counter()
    read(nasty(damage))
    assert time.perf_counter() - start < 1


@pytest.mark.parametrize("body", [b"", b"\1", b"\1\2\3\4\5\6\7", bytes(256)])
@pytest.mark.parametrize(("colour", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_an_odd_transparency_is_read_or_refused(body: bytes, colour: int, channels: int) -> None:
    rows = (b"\0" + b"\x40" * 8 * channels) * 8
    with contextlib.suppress(ImageError):
        read(png(8, 8, rows, chunk(b"tRNS", body), colour=colour))


def test_a_file_cut_at_each_of_its_markers() -> None:
    data = genuine()
    cuts = [at for at in range(2, len(data)) if data[at] == 0xFF and data[at + 1 : at + 2] != b"\0"]
    for cut in cuts[:-1]:
        for end in (b"", b"\xff\xd9"):
            with pytest.raises(ImageError):
                read(data[:cut] + end)


def test_a_memory_error_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_memory(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(Image, "open", no_memory)
    with pytest.raises(ImageError):
        read(SEEDS[0])
