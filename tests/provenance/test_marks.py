"""What software leaves in files is found, whatever format holds it."""

from __future__ import annotations

import io
import json
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from scripts.provenance import files
from service.media.image import decode
from service.provenance.containers import read_parts
from service.provenance.facts import Facts
from service.provenance.inspector import Inspector
from service.settings import Settings
from tests.images import genuine

NOW = 1_795_000_000.0  # 2026-11-18


@pytest.fixture(scope="module")
def inspector() -> Inspector:
    return Inspector(Settings())


@pytest.fixture(scope="module")
def picture() -> Image.Image:
    with Image.open(io.BytesIO(genuine())) as image:
        return image.convert("RGB").resize((300, 400))


def fired(inspector: Inspector, data: bytes, now: float = NOW) -> set[str]:
    facts = inspector.facts(data, decode(data, max_pixels=64_000_000))
    return {one.rule for one in inspector.judge(facts, now=now).signals} - {"enlarged"}


def saved(picture: Image.Image, form: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()


def exif(main: dict[int, str], inner: dict[int, object] | None = None) -> bytes:
    block = Image.Exif()
    block.update(main)
    block.get_ifd(0x8769).update(inner or {})
    return block.tobytes()


COMMENT = {files.COMMENT: b"UNICODE\0" + files.PARAMETERS.encode("utf-16-be")}


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_parameters_in_exif_are_found_in_every_format(
    inspector: Inspector, picture: Image.Image, form: str
) -> None:
    assert fired(inspector, saved(picture, form, exif=exif({}, COMMENT))) == {"generator_text"}
    assert fired(inspector, saved(picture, form)) == set()


@pytest.mark.parametrize("endian", ["utf-16-be", "utf-16-le"])
def test_comments_are_read_in_both_orders_of_bytes(
    inspector: Inspector, picture: Image.Image, endian: str
) -> None:
    block = exif({}, {files.COMMENT: b"UNICODE\0" + files.PARAMETERS.encode(endian)})
    assert fired(inspector, saved(picture, "JPEG", exif=block)) == {"generator_text"}


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("international", [False, True])
def test_texts_of_a_png_are_found_packed_or_not(
    inspector: Inspector, picture: Image.Image, compressed: bool, international: bool
) -> None:
    info = files.PngInfo()
    add = info.add_itxt if international else info.add_text
    add("parameters", files.PARAMETERS, zip=compressed)
    facts = inspector.facts(saved(picture, "PNG", pnginfo=info))
    assert [one.name for one in facts.tools] == ["Stable Diffusion web UI"]
    assert facts.tools[0].where == "png:parameters"


def test_a_workflow_is_told_from_a_text_of_the_same_name(
    inspector: Inspector, picture: Image.Image
) -> None:
    flow = files.png(picture, workflow=json.dumps(files.GRAPH))
    assert fired(inspector, flow) == {"generator_text"}
    assert fired(inspector, files.png(picture, workflow="accepted by the branch")) == set()


@pytest.mark.parametrize(
    ("software", "rule"),
    [
        ("GIMP 2.10.36", "editor_text"),
        ("Adobe Photoshop Lightroom 7.0", "editor_text"),
        ("FaceApp 11.2", "face_software_text"),
        ("HDR+ 1.0.345618096zd", None),
        ("17.4.1", None),
    ],
)
def test_software_is_told_from_a_phones_own(
    inspector: Inspector, picture: Image.Image, software: str, rule: str | None
) -> None:
    data = saved(picture, "JPEG", exif=exif({files.SOFTWARE: software}))
    assert fired(inspector, data) == ({rule} if rule else set())


def test_xmp_is_found_in_jpeg_png_and_webp(inspector: Inspector, picture: Image.Image) -> None:
    packet = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description xmp:CreatorTool="Adobe'
        f' Photoshop 25.0"><Iptc4xmpExt:DigitalSourceType>{files.SOURCES}'
        "trainedAlgorithmicMedia</Iptc4xmpExt:DigitalSourceType></rdf:Description></rdf:RDF>"
    ).encode()
    info = files.PngInfo()
    info.add_itxt("XML:com.adobe.xmp", packet.decode())
    for data in (
        saved(picture, "JPEG", xmp=packet),
        saved(picture, "WEBP", xmp=packet),
        saved(picture, "PNG", pnginfo=info),
    ):
        assert fired(inspector, data) == {"editor_text", "source_type_ai"}


def test_entities_of_an_xmp_packet_are_never_expanded(
    inspector: Inspector, picture: Image.Image
) -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><x CreatorTool="&b;"/>'
    data = saved(picture, "JPEG", xmp=bomb.encode())
    assert inspector.facts(data).tools == ()


@pytest.mark.parametrize(
    ("taken", "offset", "rule"),
    [
        ("2026:11:18 12:00:00", None, None),
        ("2026:11:17 09:00:00", None, None),  # a day and a half ago, or less: nobody knows where
        ("2026:11:14 12:00:00", None, "capture_old"),
        ("2026:11:17 00:00:00", "+00:00", "capture_old"),
        ("2026:11:25 12:00:00", None, "capture_in_future"),
        ("2026:13:45 99:00:00", None, None),
        ("0000:00:00 00:00:00", None, None),
    ],
)
def test_the_time_of_capture_is_compared_with_now(
    inspector: Inspector, picture: Image.Image, taken: str, offset: str | None, rule: str | None
) -> None:
    inner: dict[int, object] = {files.TAKEN: taken} | ({0x9011: offset} if offset else {})
    data = saved(picture, "JPEG", exif=exif({files.MAKE: "Maker", files.MODEL: "One"}, inner))
    assert fired(inspector, data) == ({rule} if rule else set())


def test_a_thumbnail_of_another_picture_is_told(inspector: Inspector, picture: Image.Image) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (8, 8, 3), dtype=np.uint8)
    other = Image.fromarray(noise).resize(picture.size)
    assert fired(inspector, files.with_thumbnail(picture, other)) == {"thumbnail_differs"}
    assert fired(inspector, files.with_thumbnail(picture, picture)) == set()
    read = read_parts(files.with_thumbnail(picture, picture)).exif.thumbnail
    assert read is not None
    assert Image.open(io.BytesIO(read)).size == (160, 120)


@pytest.mark.parametrize("turn", range(1, 9))
def test_a_picture_held_sideways_has_its_own_thumbnail(
    inspector: Inspector, picture: Image.Image, turn: int
) -> None:
    data = files.with_thumbnail(picture, picture)
    turned = data.replace(
        b"\x12\x01\x03\x00\x01\0\0\0\x01", b"\x12\x01\x03\x00\x01\0\0\0" + bytes([turn])
    )
    facts = inspector.facts(turned, decode(turned, max_pixels=10**7))
    assert facts.thumbnail == "same"


def test_a_text_that_unpacks_to_a_gigabyte_is_cut(picture: Image.Image) -> None:
    packed = zlib.compress(b"\0" * 2**26, 9)
    body = b"parameters\0\0" + packed
    chunk = struct.pack(">I", len(body)) + b"zTXt" + body
    chunk += struct.pack(">I", zlib.crc32(chunk[4:]))
    data = files.png(picture)
    parts = read_parts(data[:33] + chunk + data[33:])
    assert sum(len(text) for _, text in parts.texts) < 2**17


def test_facts_are_few_and_short_whatever_is_sent(
    inspector: Inspector, picture: Image.Image
) -> None:
    main = {files.MAKE: "M" * 60_000, files.MODEL: "N" * 200}
    data = saved(picture, "JPEG", exif=exif(main)[:65_000])
    facts = inspector.facts(data)
    assert isinstance(facts, Facts)
    assert facts.camera is None or len(facts.camera.maker) <= 64
