"""Headers that are damaged in any way give few facts, and never an error or a long wait."""

from __future__ import annotations

import io
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from scripts.provenance import files
from service.provenance.containers import Parts, read_parts
from service.provenance.exif import read_exif
from service.provenance.facts import Facts
from service.provenance.inspector import Inspector
from service.provenance.tables import encoder
from service.settings import Settings
from tests.images import HEIF, genuine
from tests.thorough import either

PATIENCE = 1.0  # seconds, on a busy machine; each takes less than a millisecond
property_test = settings(max_examples=either(150, 60), deadline=None)
INSPECTOR = Inspector(Settings())


def _picture() -> Image.Image:
    with Image.open(io.BytesIO(genuine())) as image:
        return image.convert("RGB").resize((64, 64))


def _rich(form: str) -> bytes:
    exif = Image.Exif()
    exif.update({files.MAKE: "Apple", files.MODEL: "iPhone", files.SOFTWARE: "GIMP"})
    exif.get_ifd(0x8769).update({files.COMMENT: b"ASCII\0\0\0Screenshot"})
    buffer = io.BytesIO()
    _picture().save(buffer, form, exif=exif.tobytes(), xmp=b'<x CreatorTool="GIMP"/>')
    return buffer.getvalue()


RICH = {
    "JPEG": files.with_segment(_rich("JPEG"), 0xEB, b"JP\0\1\0\0\0\1jumb" + b"c2pa" * 30),
    "PNG": files.png(_picture(), parameters=files.PARAMETERS, workflow="{}"),
    "WEBP": _rich("WEBP"),
    "HEIF": (HEIF / "portrait.heic").read_bytes(),
    "THUMBNAIL": files.with_thumbnail(_picture(), _picture()),
}


def looked_at(data: bytes) -> None:
    began = time.thread_time()  # a busy machine takes none of it
    facts = INSPECTOR.facts(data)
    assert isinstance(facts, Facts)
    INSPECTOR.judge(facts, now=1.8e9)
    assert time.thread_time() - began < PATIENCE


@pytest.mark.parametrize("name", sorted(RICH))
def test_the_files_that_are_mangled_hold_something(name: str) -> None:
    parts = read_parts(RICH[name])
    assert parts.format == ("JPEG" if name == "THUMBNAIL" else name)
    if name != "HEIF":
        assert parts.texts or parts.exif.thumbnail


@pytest.mark.parametrize("name", sorted(RICH))
@property_test
@given(data=st.data())
def test_changed_bytes_of_a_header(name: str, data: st.DataObject) -> None:
    mangled = bytearray(RICH[name])
    end = min(len(mangled), 3000) - 1
    changes = st.lists(st.tuples(st.integers(4, end), st.integers(0, 255)), max_size=30)
    for at, value in data.draw(changes):
        mangled[at] = value
    looked_at(bytes(mangled))


@pytest.mark.parametrize("name", sorted(RICH))
@property_test
@given(data=st.data())
def test_cut_doubled_and_inserted_bytes(name: str, data: st.DataObject) -> None:
    whole = RICH[name]
    first = data.draw(st.integers(0, len(whole)))
    second = data.draw(st.integers(0, len(whole)))
    between = data.draw(st.binary(max_size=64))
    looked_at(whole[:first] + between + whole[second:])


@pytest.mark.parametrize("start", [b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WEBP"])
@property_test
@given(rest=st.binary(max_size=400))
def test_noise_after_a_beginning(start: bytes, rest: bytes) -> None:
    looked_at(start + rest)
    looked_at(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + rest)


@property_test
@given(block=st.binary(max_size=600), order=st.sampled_from([b"II*\0", b"MM\0*"]))
def test_noise_in_exif_data(block: bytes, order: bytes) -> None:
    found = read_exif(order + block)
    assert 1 <= found.turn <= 8
    assert all(len(text) <= 2**16 for text in found.texts.values())


@property_test
@given(
    tables=st.dictionaries(st.integers(0, 15), st.lists(st.integers(0, 65535), max_size=70)),
    frame=st.binary(max_size=20),
    huffman=st.lists(st.binary(max_size=40), max_size=4),
)
def test_noise_in_tables(tables: dict[int, list[int]], frame: bytes, huffman: list[bytes]) -> None:
    whole = {number: tuple(table) for number, table in tables.items()}
    encoder(Parts("JPEG", tables=whole, frame=frame, huffman=huffman))


def test_a_directory_that_names_itself_ends(tmp_path: Path) -> None:
    """The pointer to the next directory leads back to the first."""
    block = b"II*\0\x08\0\0\0" + b"\x01\0" + b"\x69\x87\x04\0\x01\0\0\0\x08\0\0\0" + b"\x08\0\0\0"
    assert read_exif(block).texts == {}


def test_a_thousand_parts_are_enough() -> None:
    looked_at(b"\xff\xd8" + b"\xff\xe0\0\x02" * 500_000)
    looked_at(b"\x89PNG\r\n\x1a\n" + (b"\0\0\0\0tEXt\0\0\0\0" * 500_000))
    looked_at(b"\xff\xd8" + b"\xff" * 4_000_000)
