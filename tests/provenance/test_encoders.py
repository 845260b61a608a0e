"""Who wrote a JPEG is told by its tables, and what it was before by its pixels."""

from __future__ import annotations

import io
import shutil

import numpy as np
import pytest
from PIL import Image

from scripts.provenance import files
from service.media.image import decode
from service.provenance.containers import read_parts
from service.provenance.facts import Encoder
from service.provenance.inspector import Inspector
from service.provenance.tables import encoder
from service.settings import Settings
from tests.images import genuine


@pytest.fixture(scope="module")
def inspector() -> Inspector:
    return Inspector(Settings())


@pytest.fixture(scope="module")
def picture() -> Image.Image:
    """Nothing is left in it of how it was saved."""
    with Image.open(io.BytesIO(genuine())) as image:
        return image.convert("RGB").resize((400, 400), Image.Resampling.LANCZOS)


@pytest.fixture(scope="module")
def sharp() -> Image.Image:
    """Much detail, as a photograph of a scene has it."""
    noise = np.random.default_rng(5).normal(0, 1, (512, 512, 3)).cumsum(0).cumsum(1)
    noise = noise / np.abs(noise).max() * 90
    grain = np.random.default_rng(6).normal(0, 9, (512, 512, 1))
    return Image.fromarray((noise + grain + 128).clip(0, 255).astype(np.uint8))


def written(data: bytes) -> Encoder:
    found = encoder(read_parts(data))
    assert found is not None
    return found


@pytest.mark.parametrize("quality", [1, 30, 49, 50, 75, 92, 100])
def test_the_quality_of_libjpeg_is_read_from_its_tables(picture: Image.Image, quality: int) -> None:
    found = written(files.jpeg(picture, quality))
    assert (found.family, found.quality, found.sampling) == ("libjpeg", quality, "4:2:0")
    assert (found.huffman, found.progressive) == ("standard", False)


def test_optimised_progressive_grey_and_unsampled_files_are_told(picture: Image.Image) -> None:
    assert written(files.jpeg(picture, 80, optimize=True)).huffman == "optimised"
    assert written(files.jpeg(picture, 80, progressive=True)).progressive
    assert written(files.jpeg(picture.convert("L"), 80)).sampling == "grey"
    assert written(files.jpeg(picture, 80, subsampling=0)).sampling == "4:4:4"


def test_tables_of_ones_own_are_told(picture: Image.Image) -> None:
    tables = {0: [7 + n % 5 for n in range(64)], 1: [9] * 64}
    found = written(files.jpeg(picture, qtables=tables))
    assert (found.family, found.quality) == ("own", None)


def test_opencv_and_ffmpeg_are_told_apart(inspector: Inspector, picture: Image.Image) -> None:
    assert written(files.opencv(picture)).family == "libjpeg"
    data = files.mjpeg(picture)
    assert written(data).family == "mpeg"
    rules = {one.rule for one in inspector.judge(inspector.facts(data)).signals}
    assert rules == {"video_encoder", "video_tables"}


def test_tables_of_a_video_encoder_are_told_without_its_comment(
    inspector: Inspector, picture: Image.Image
) -> None:
    data = files.mjpeg(picture).replace(b"Lavc", b"----")
    rules = {one.rule for one in inspector.judge(inspector.facts(data)).signals}
    assert rules == {"video_tables"}


@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs Chromium")
@pytest.mark.slow
def test_a_browsers_canvas_is_told(inspector: Inspector, picture: Image.Image) -> None:
    (data,) = files.canvas([picture.resize((160, 160))])
    rules = {one.rule for one in inspector.judge(inspector.facts(data)).signals}
    assert rules == {"browser_canvas"}


@pytest.mark.parametrize(("first", "then"), [(60, 90), (75, 92), (70, 85)])
def test_an_earlier_saving_leaves_traces(
    inspector: Inspector, sharp: Image.Image, first: int, then: int
) -> None:
    again = files.jpeg(Image.open(io.BytesIO(files.jpeg(sharp, first))), then)
    found = inspector.facts(again, decode(again, max_pixels=10**7)).saved_before
    assert found is not None
    assert abs(found - first) <= 3


@pytest.mark.parametrize("quality", [60, 75, 85, 92, 98])
def test_a_single_saving_leaves_none(
    inspector: Inspector, sharp: Image.Image, quality: int
) -> None:
    once = files.jpeg(sharp, quality)
    assert inspector.facts(once, decode(once, max_pixels=10**7)).saved_before is None


def test_a_picture_cut_off_the_grid_keeps_no_trace(
    inspector: Inspector, sharp: Image.Image
) -> None:
    cut = Image.open(io.BytesIO(files.jpeg(sharp, 60))).crop((3, 5, 503, 509))
    again = files.jpeg(cut, 90)
    assert inspector.facts(again, decode(again, max_pixels=10**7)).saved_before is None


@pytest.mark.parametrize("turn", [1, 3, 6, 8])
def test_traces_are_found_in_a_file_that_is_turned_when_shown(
    inspector: Inspector, sharp: Image.Image, turn: int
) -> None:
    exif = Image.Exif()
    exif[0x0112] = turn
    cut = sharp.crop((0, 0, 500, 509))  # no multiple of the blocks: the grid starts at one corner
    again = files.jpeg(Image.open(io.BytesIO(files.jpeg(cut, 60))), 90, exif=exif.tobytes())
    assert inspector.facts(again, decode(again, max_pixels=10**7)).saved_before is not None


@pytest.mark.parametrize("factor", [1.3, 1.45])
def test_an_enlarged_picture_is_told_with_its_factor(
    inspector: Inspector, sharp: Image.Image, factor: float
) -> None:
    side = round(400 * factor)
    data = files.png(sharp.crop((0, 0, 400, 400)).resize((side, side), Image.Resampling.BICUBIC))
    found = inspector.facts(data, decode(data, max_pixels=10**7)).enlarged
    assert found == pytest.approx(factor, abs=0.02)


def test_a_picture_as_it_was_taken_is_not_called_enlarged(
    inspector: Inspector, sharp: Image.Image
) -> None:
    for data in (files.png(sharp), files.jpeg(sharp, 85)):
        assert inspector.facts(data, decode(data, max_pixels=10**7)).enlarged is None
