"""No header of a JPEG, however wrong, ends the process that reads it."""

from __future__ import annotations

import random
import subprocess
import sys

from service.errors import ImageError
from service.media.image import decode
from tests.images import arithmetic, encode, genuine, portrait

COUNT = 1500
SMALL = portrait().resize((72, 63))
BASES = [
    *(encode(SMALL, "JPEG", subsampling=sampling) for sampling in (0, 1, 2)),
    *(encode(SMALL, "JPEG", progressive=True, subsampling=sampling) for sampling in (0, 2)),
    encode(SMALL, "JPEG", restart_marker_blocks=3),
    encode(SMALL.convert("L"), "JPEG"),
    encode(SMALL.convert("CMYK"), "JPEG", progressive=True),
    genuine(),
    arithmetic(),
    arithmetic("-progressive"),
]
FRAMES = bytes(range(0xC0, 0xD0))
VALUES = bytes((0, 1, 2, 3, 4, 5, 8, 12, 16, 0x11, 0x12, 0x21, 0x22, 0x41, 0x44, 0x80, 0xFF))


def mutated(dice: random.Random) -> bytes:
    """Another kind of frame now and then, and other values anywhere before the first scan."""
    data = bytearray(dice.choice(BASES))
    frame = next(at for at in range(len(data)) if (data[at] == 0xFF and 0xC0 <= data[at + 1] < 0xC3)
                 or (data[at] == 0xFF and data[at + 1] in (0xC9, 0xCA)))  # fmt: skip
    if dice.random() < 0.3:
        data[frame + 1] = dice.choice(FRAMES)
    first, last = (2, data.index(b"\xff\xda") + 14) if dice.random() < 0.5 else (frame, frame + 19)
    for _ in range(dice.randrange(4)):
        data[dice.randrange(first, last)] = dice.choice(VALUES)
    return bytes(data)


def read_all() -> tuple[int, int]:
    dice, read = random.Random(1), 0
    for _ in range(COUNT):
        try:
            decode(mutated(dice), max_pixels=1_000_000)
            read += 1
        except ImageError:
            pass
    return read, COUNT


def test_no_header_ends_the_process() -> None:
    code = "from tests.media.test_headers import read_all; print(*read_all())"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    read, count = map(int, ran.stdout.split())
    assert 0 < read < count
