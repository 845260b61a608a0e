"""What decoding takes at most, in a process of its own: each format and mode, at the limit."""

from __future__ import annotations

import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from subprocess import PIPE

import pytest
from PIL import Image

from service.errors import ImageTooLarge
from service.media.image import decode
from service.media.picture.turns import LIGHT, PER_PIXEL
from service.settings import Settings
from tests.images import PASSES, PNG_MAGIC, chunk, encode, genuine, header
from tests.thorough import either

# In a routine run everything is smaller, the limit as well.
SCALE = either(10, 6) / 10
LIMIT = int(Settings().max_pixels * SCALE**2)


def scaled(side: int) -> int:
    return int(side * SCALE)


SIDE = scaled(7000)
MEASURE = """
import sys
from service.media.image import decode
from service.runtime.allocator import keep_freed

keep_freed()  # as a worker does; left to itself glibc may keep 64 MiB and more

def now(name):
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) * 1024

decode(open(sys.argv[1], "rb").read(), max_pixels=10**8)
for path in sys.stdin:
    data = open(path.strip(), "rb").read()
    open("/proc/self/clear_refs", "w").write("5")  # the peak is that from here on
    before, own = now("VmRSS"), now("RssAnon")
    image = decode(data, max_pixels=int(sys.argv[2]))
    # Files' pages come and go as the system likes.
    print(now("VmHWM") - before, now("RssAnon") - own - image.pixels.nbytes, flush=True)
    del image
"""


def solid(side: int, depth: int, colour: int, *extra: bytes, interlaced: bool = False) -> bytes:
    """A PNG of one colour in any mode, made without holding its pixels."""
    bits = depth * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    packer = zlib.compressobj(1)
    parts = [
        packer.compress(b"\0" + b"\x40" * ((len(range(left, side, over)) * bits + 7) // 8))
        for top, left, down, over in (PASSES if interlaced else ((0, 0, 1, 1),))
        for _ in range(top, side, down)
    ]
    body = b"".join(parts) + packer.flush()
    head = header(side, side, depth, colour, interlaced)
    return PNG_MAGIC + head + b"".join(extra) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def flat(mode: str, form: str, side: int = SIDE, **options: object) -> bytes:
    return encode(Image.new(mode, (side, side), 0), form, **options)


PALETTE = chunk(b"PLTE", bytes(range(256)) * 3)
CASES: dict[str, Callable[[], bytes]] = {
    "rgb": partial(solid, SIDE, 8, 2),
    "rgb, one transparent": partial(solid, SIDE, 8, 2, chunk(b"tRNS", b"\0\x40" * 3)),
    "rgba": partial(solid, SIDE, 8, 6),
    "rgba, interlaced": partial(solid, SIDE, 8, 6, interlaced=True),
    "grey and alpha": partial(solid, SIDE, 8, 4),
    "palette": partial(solid, SIDE, 8, 3, PALETTE),
    "palette, transparent": partial(solid, SIDE, 8, 3, PALETTE, chunk(b"tRNS", bytes(range(256)))),
    "one bit": partial(solid, SIDE, 1, 0),
    "grey, 16 bit": partial(solid, SIDE, 16, 0),
    "grey and alpha, 16 bit": partial(solid, SIDE, 16, 4),
    "rgb, 16 bit": partial(solid, SIDE, 16, 2),
    "rgba, 16 bit": partial(solid, SIDE, 16, 6, interlaced=True),
    "rgba at the limit": partial(solid, scaled(8000), 8, 6),
    "jpeg at the limit": partial(flat, "RGB", "JPEG", scaled(8000)),
    "jpeg, progressive": partial(flat, "RGB", "JPEG", progressive=True),
    "jpeg, progressive 4:4:4": partial(flat, "RGB", "JPEG", progressive=True, subsampling=0),
    "jpeg, cmyk": partial(flat, "CMYK", "JPEG"),
    "jpeg, cmyk progressive at its limit": partial(
        flat, "CMYK", "JPEG", scaled(6300), progressive=True
    ),
    "webp at its limit": partial(flat, "RGB", "WEBP", scaled(4470)),
    "webp, transparent": partial(flat, "RGBA", "WEBP", scaled(4470), lossless=True),
    "avif at its limit": partial(flat, "RGB", "AVIF", scaled(5960), speed=10),
    "avif, transparent": partial(flat, "RGBA", "AVIF", scaled(5960), speed=10),
    "tiff": partial(flat, "RGBA", "TIFF", compression="tiff_adobe_deflate"),
    "tiff, float": partial(flat, "F", "TIFF", compression="tiff_adobe_deflate"),
    "just not shrunk": partial(solid, 3199, 8, 6),
}


@pytest.fixture(scope="module")
def measure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[bytes], list[int]]]:
    """At its peak, and after beside the result, in bytes more than before."""
    folder = tmp_path_factory.mktemp("memory")
    small, large = folder / "small", folder / "large"
    small.write_bytes(genuine())
    command = [sys.executable, "-c", MEASURE, str(small), str(LIMIT)]
    with subprocess.Popen(command, stdin=PIPE, stdout=PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def taken(image: bytes) -> list[int]:
            large.write_bytes(image)
            print(large, file=process.stdin, flush=True)
            return [int(word) for word in process.stdout.readline().split()]

        yield taken
        process.stdin.close()


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_the_peak_is_bounded(measure: Callable[[bytes], list[int]], name: str) -> None:
    peak, kept = measure(CASES[name]())
    assert 0 < peak < PER_PIXEL * LIMIT
    # Large ones give everything back; what a small one freed is kept for the next.
    assert kept < (4 * 2**20 if peak > LIGHT else LIGHT)


@pytest.mark.slow
@pytest.mark.parametrize(("form", "haste"), [("WEBP", {"method": 0}), ("AVIF", {"speed": 10})])
def test_more_pixels_of_a_hungry_format_are_refused(form: str, haste: dict[str, int]) -> None:
    data = flat("RGB", form, 6100, **haste)
    with pytest.raises(ImageTooLarge):
        decode(data, max_pixels=Settings().max_pixels)
