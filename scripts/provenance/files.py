"""Files as different software writes them, made of one picture each."""

from __future__ import annotations

import base64
import io
import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from scripts.provenance.credentials import signed

Picture = Image.Image
Files = dict[str, list[bytes | None]]  # by the rule that they are meant for
SOURCES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
PARAMETERS = (
    "portrait of a person, 85mm\nNegative prompt: blurry\nSteps: 25, Sampler: DPM++ 2M Karras,"
    " CFG scale: 7, Seed: 1, Size: 512x512, Model: base"
)
WORKFLOW = {"3": {"class_type": "KSampler", "inputs": {"seed": 1}}}
GRAPH = {"nodes": [{"id": 3}], "links": [], "version": 0.4}
DFL = b"\x80\x04\x95}\x94(\x8c\tface_type\x94\x8c\nwhole_face\x94\x8c\tlandmarks\x94]\x94u."
OLD, NEW = "2020:05:17 10:00:00", "2035:05:17 10:00:00"
MAKE, MODEL, SOFTWARE, TAKEN, COMMENT = 0x10F, 0x110, 0x131, 0x9003, 0x9286


def jpeg(picture: Picture, quality: int = 90, **more: object) -> bytes:
    """Return a JPEG as Pillow writes it."""
    return _saved(picture, "JPEG", quality=quality, **more)


def png(picture: Picture, **texts: str) -> bytes:
    """Return a PNG as Pillow writes it, with texts."""
    info = PngInfo()
    for name, text in texts.items():
        info.add_text(name, text)
    return _saved(picture, "PNG", pnginfo=info)


def with_exif(picture: Picture, main: dict[int, str], inner: dict[int, object]) -> bytes:
    """A JPEG with these fields, and nothing of a maker's."""
    exif = Image.Exif()
    exif.update(main)
    exif.get_ifd(0x8769).update(inner)
    return jpeg(picture, 92, exif=exif.tobytes())


def with_xmp(picture: Picture, attributes: str) -> bytes:
    """A JPEG with an XMP packet."""
    head = '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description '
    return jpeg(picture, 90, xmp=(head + attributes + "/></rdf:RDF></x:xmpmeta>").encode())


def with_segment(data: bytes, marker: int, body: bytes) -> bytes:
    """A JPEG with one more segment after its beginning."""
    return data[:2] + bytes((0xFF, marker)) + (len(body) + 2).to_bytes(2) + body + data[2:]


def with_thumbnail(picture: Picture, small: Picture) -> bytes:
    """A JPEG whose EXIF data hold this small picture."""
    thumbnail = jpeg(small.resize((160, 120)), 70)
    entries = [(0x0103, 3, 1, 6), (0x0201, 4, 1, 56), (0x0202, 4, 1, len(thumbnail))]
    main = b"\x01\x00" + _entry(0x0112, 3, 1, 1) + (26).to_bytes(4, "little")
    second = b"\x03\x00" + b"".join(_entry(*one) for one in entries)[:36]
    # The first directory ends at 26, the second at 26 + 2 + 36 + 4 = 68.
    second = second.replace((56).to_bytes(4, "little"), (68).to_bytes(4, "little"), 1)
    block = b"II*\0\x08\0\0\0" + main + second + b"\0\0\0\0" + thumbnail
    return with_segment(jpeg(picture), 0xE1, b"Exif\0\0" + block)


def opencv(picture: Picture) -> bytes:
    """Return a JPEG as OpenCV writes it."""
    array = cv2.cvtColor(np.asarray(picture), cv2.COLOR_RGB2BGR)
    return cv2.imencode(".jpg", array)[1].tobytes()


def mjpeg(picture: Picture) -> bytes:
    """A frame as FFmpeg's encoder of MJPEG writes it."""
    codec = av.CodecContext.create("mjpeg", "w")
    codec.width, codec.height = (size // 2 * 2 for size in picture.size)
    codec.pix_fmt, codec.time_base = "yuvj420p", Fraction(1, 25)
    frame = av.VideoFrame.from_image(picture.crop((0, 0, codec.width, codec.height)))
    packets = [*codec.encode(frame.reformat(format="yuvj420p")), *codec.encode(None)]
    return bytes(packets[0])


def imagemagick(picture: Picture) -> bytes | None:
    """A PNG as ImageMagick writes it, where it is installed."""
    program = shutil.which("convert", path="/usr/bin:/opt/bin")
    return program and _run([program, "png:-", "png:-"], png(picture))  # type: ignore[return-value]


def exiftool(picture: Picture, *edits: str) -> bytes | None:
    """A JPEG with edits by exiftool, where it is installed."""
    program = shutil.which("exiftool")
    return program and _run([program, *edits, "-"], jpeg(picture))  # type: ignore[return-value]


def canvas(pictures: Sequence[Picture]) -> list[bytes]:
    """Return JPEGs as the canvas of Chromium writes them, where it is installed."""
    program = shutil.which("chromium")
    if program is None:
        return []
    with tempfile.TemporaryDirectory() as folder:
        for number, picture in enumerate(pictures):
            (Path(folder) / f"{number}.png").write_bytes(png(picture))
        page = Path(folder) / "page.html"
        images = "".join(f'<img src="{number}.png">' for number in range(len(pictures)))
        page.write_text(PAGE.replace("IMAGES", images))
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files"]
        more = [f"--user-data-dir={folder}/profile", "--dump-dom"]
        shown = _run([program, *flags, *more, page.as_uri()], b"").decode()
    return [_data(line) for line in shown.splitlines() if line.startswith("data:image/jpeg")]


PAGE = """IMAGES<pre id=out></pre><script>
onload = () => {
  for (const image of document.images) {
    const canvas = document.createElement("canvas");
    canvas.width = image.naturalWidth; canvas.height = image.naturalHeight;
    canvas.getContext("2d").drawImage(image, 0, 0);
    out.textContent += "\\n" + canvas.toDataURL("image/jpeg") + "\\n";
  }
};
</script>"""


def _made(picture: Picture, other: Picture) -> Files:
    """Make one file or more for each rule; `other` shows something else."""
    return {
        "none": [jpeg(picture), jpeg(picture, 75), opencv(picture), png(picture)],
        **_generated(picture),
        **_edited(picture),
        **_sent(picture),
        **_captured(picture),
        "thumbnail_differs": [with_thumbnail(picture, other)],
        **_resaved(picture),
        **signed(jpeg(picture)),
    }


def _generated(picture: Picture) -> Files:
    """Make files as generators of pictures and faces do."""
    square = picture.resize((1024, 1024))
    return {
        "generator_text": [
            png(picture, parameters=PARAMETERS),
            png(picture, prompt=json.dumps(WORKFLOW), workflow=json.dumps(GRAPH)),
            with_exif(picture, {}, {COMMENT: b"UNICODE\0" + PARAMETERS.encode("utf-16-be")}),
            png(picture, Software="NovelAI"),
            exiftool(picture, f"-UserComment={PARAMETERS}"),
        ],
        "source_type_ai": [
            with_xmp(picture, f'Iptc4xmpExt:DigitalSourceType="{SOURCES}trainedAlgorithmicMedia"'),
            exiftool(picture, f"-XMP-iptcExt:DigitalSourceType={SOURCES}trainedAlgorithmicMedia"),
        ],
        "face_software_text": [
            with_segment(jpeg(picture), 0xEF, DFL),
            with_exif(picture, {SOFTWARE: "FaceApp 11.2"}, {}),
        ],
        "generator_size": [png(square), jpeg(square)],
    }


def _edited(picture: Picture) -> Files:
    """Make files as editors and screenshot programs do."""
    return {
        "editor_text": [
            with_xmp(picture, 'xmp:CreatorTool="Adobe Photoshop 25.0 (Windows)"'),
            with_exif(picture, {SOFTWARE: "GIMP 2.10.36"}, {}),
            imagemagick(picture),
            exiftool(picture, "-Software=Adobe Photoshop Lightroom 7.0"),
        ],
        "screen_capture": [
            with_exif(picture, {}, {COMMENT: b"ASCII\0\0\0Screenshot"}),
            png(picture, Software="gnome-screenshot"),
        ],
    }


def _sent(picture: Picture) -> Files:
    """Make files as messengers and video encoders do."""
    scale = 1600 / max(picture.size)
    smaller = picture.resize(tuple(round(size * scale) for size in picture.size))
    return {
        "video_encoder": [mjpeg(picture)],
        "video_tables": [mjpeg(picture)],
        "messenger_text": [with_segment(jpeg(picture), 0xED, b"Photoshop 3.0\0FBMD0a000a6f")],
        "messenger_size": [jpeg(smaller, quality) for quality in (70, 80, 87)],
    }


def _captured(picture: Picture) -> Files:
    """Make files with camera data that cannot be true."""
    camera = {MAKE: "Apple", MODEL: "iPhone 13"}
    return {
        "capture_old": [with_exif(picture, camera, {TAKEN: OLD})],
        "capture_in_future": [with_exif(picture, camera, {TAKEN: NEW})],
        "camera_without_notes": [
            with_exif(picture, camera, {}),
            exiftool(picture, "-Make=Apple", "-Model=iPhone 13"),
        ],
    }


def _resaved(picture: Picture) -> Files:
    """Make files that were saved again or enlarged."""
    larger = tuple(round(size * 1.3) for size in picture.size)
    return {
        "saved_twice": [
            jpeg(Image.open(io.BytesIO(jpeg(picture, first))), then)
            for first, then in ((60, 90), (75, 92), (85, 95), (75, 80), (90, 70))
        ],
        "enlarged": [
            jpeg(picture.resize(larger, method), 92)
            for method in (Image.Resampling.BICUBIC, Image.Resampling.BILINEAR)
        ],
    }


def meant_for(pictures: Sequence[Picture]) -> dict[str, list[bytes]]:
    """Files by rule; `none` are those that no rule is meant for."""
    small = [picture.resize((480, 360)) for picture in pictures]
    drawn = [one for at in range(0, len(small), 8) for one in canvas(small[at : at + 8])]
    found: dict[str, list[bytes]] = {"browser_canvas": drawn}
    for number, picture in enumerate(pictures):
        for rule, files in _made(picture, pictures[number - 1]).items():
            found.setdefault(rule, []).extend(one for one in files if one)
    return found


def _entry(tag: int, kind: int, count: int, value: int) -> bytes:
    parts = ((tag, 2), (kind, 2), (count, 4), (value, 4))
    return b"".join(number.to_bytes(size, "little") for number, size in parts)


def _saved(picture: Picture, form: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()


def _run(command: Sequence[str], data: bytes) -> bytes:
    done: Callable[..., subprocess.CompletedProcess[bytes]] = subprocess.run
    return done(command, input=data, capture_output=True, timeout=300, check=False).stdout


def _data(uri: str) -> bytes:
    return base64.b64decode(uri.partition(",")[2])
