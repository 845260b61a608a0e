"""A JPEG with damaged or missing data is refused, whatever the damage; sound ones never are."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from service.errors import ImageError
from service.media.image import decode
from tests.images import arithmetic, encode, genuine, manipulated, nasty, portrait
from tests.thorough import either

LARGE = portrait().resize((1400, 1100))
SOUND: dict[str, bytes] = {
    "baseline": genuine(),
    "manipulated": manipulated(),
    "4:4:4": encode(portrait(), "JPEG", subsampling=0),
    "optimised": encode(portrait(), "JPEG", optimize=True),
    "progressive": encode(portrait(), "JPEG", progressive=True),
    "progressive 4:4:4": encode(LARGE, "JPEG", progressive=True, subsampling=0),
    "restarts": encode(portrait(), "JPEG", restart_marker_rows=1),
    "progressive restarts": encode(LARGE, "JPEG", progressive=True, restart_marker_rows=2),
    "grey": encode(portrait().convert("L"), "JPEG"),
    "cmyk": encode(portrait().convert("CMYK"), "JPEG"),
    "large": encode(LARGE, "JPEG", quality=90),
}
END = b"\xff\xd9"


def accepted(data: bytes) -> bool:
    try:
        decode(data, max_pixels=64_000_000)
    except ImageError:
        return False
    return True


def differs_by(data: bytes, damaged: bytes) -> float:
    """Mean difference of the worst row, for damage to the last bits of the last scan."""
    sound, other = (decode(one, max_pixels=64_000_000).pixels for one in (data, damaged))
    return float(np.abs(sound.astype(int) - other).mean(axis=(1, 2)).max())


def scan(data: bytes) -> tuple[int, int]:
    """Where the entropy-coded data begins, and where it ends."""
    return data.index(b"\xff\xda") + 14, len(data) - 2


def cut(data: bytes, at: int, length: int) -> bytes:
    return data[:at] + END


def zeroed(data: bytes, at: int, length: int) -> bytes:
    return data[:at] + bytes(length) + data[at + length :]


def zeroed_to_the_end(data: bytes, at: int, length: int) -> bytes:
    return data[:at] + bytes(len(data) - at - 2) + END


def removed(data: bytes, at: int, length: int) -> bytes:
    return data[:at] + data[at + length :]


def filled(data: bytes, at: int, length: int) -> bytes:
    return data[:at] + b"\xff" * length + data[at + length :]


DAMAGES = [cut, zeroed, zeroed_to_the_end, removed, filled]


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", SOUND)
def test_a_damaged_scan_is_refused(name: str, damage: Callable[..., bytes]) -> None:
    data, dice = SOUND[name], random.Random(1)
    first, last = scan(data)
    assert accepted(data)
    for _ in range(either(20, 10)):
        at = dice.randrange(first + 100, last - 1200)
        damaged = damage(data, at, dice.randrange(700, 1200))
        assert not accepted(damaged) or differs_by(data, damaged) < 3, at


@pytest.mark.slow
@pytest.mark.parametrize("name", SOUND)
def test_a_flipped_byte_ends_in_pixels_or_a_refusal(name: str) -> None:
    data, dice = SOUND[name], random.Random(2)
    refused = 0
    for _ in range(60):
        at = dice.randrange(*scan(data))
        refused += not accepted(
            data[:at] + bytes([data[at] ^ dice.randrange(1, 256)]) + data[at + 1 :]
        )
    assert refused  # libjpeg cannot tell every one of them


@pytest.mark.parametrize("name", [n for n in SOUND if "restarts" in n])
def test_a_missing_interval_is_refused(name: str) -> None:
    data = SOUND[name]
    starts = [at for at in range(len(data)) if data[at] == 0xFF and 0xD0 <= data[at + 1] <= 0xD7]
    assert not accepted(data[: starts[3]] + data[starts[4] :])


@pytest.mark.parametrize("count", range(1, 10))
def test_missing_scans_are_refused(count: int) -> None:
    """libjpeg says nothing when a progressive picture ends after a scan."""
    data = SOUND["progressive"]
    starts = [at for at in range(len(data)) if data[at : at + 2] == b"\xff\xda"]
    assert not accepted(data[: starts[count]] + END)


@pytest.mark.parametrize("extra", [b"\0", bytes(20), b"\xff" * 5000, b"phone", bytes(500)])
def test_stray_bytes_before_the_end_are_borne(extra: bytes) -> None:
    data = SOUND["baseline"]
    assert accepted(data[:-2] + extra + END)


def test_stray_bytes_hide_no_damage() -> None:
    data = SOUND["large"]
    first, last = scan(data)
    damaged = cut(data, (first + last) // 2, 0)
    assert not accepted(damaged[:20] + b"stray" * 50 + damaged[20:])
    restarts = cut(SOUND["restarts"], (first + last) // 20, 0)
    assert not accepted(restarts[:-2] + bytes(20) + END)


@pytest.mark.parametrize("name", SOUND)
def test_without_an_end_marker_all_pixels_must_be_there(name: str) -> None:
    data = SOUND[name]
    assert accepted(data[:-2])
    assert accepted(data[:-1])
    assert not accepted(data[:-40])


@pytest.mark.slow
def test_a_flat_picture_may_be_zeros() -> None:
    """Where the shortest codes mean "nothing changes", zeros are a picture."""
    flat = Image.new("RGB", (either(3000, 1200),) * 2, (127, 127, 127))
    for options in ({"optimize": True}, {}, {"progressive": True}, {"restart_marker_rows": 1}):
        for colours in (flat, flat.convert("L"), flat.convert("CMYK")):
            assert accepted(encode(colours, "JPEG", **options))


def test_other_warnings_refuse_nothing() -> None:
    for name in ("odd-version.jpg", "corrupt-icc.jpg", "stray-bytes.jpg"):
        assert accepted(nasty(name))


@pytest.mark.parametrize("kind", ["", "-progressive"])
def test_arithmetic_coding_gets_no_second_look(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It might end the process; the structure and the end marker are all that is looked at."""
    monkeypatch.setattr("service.media.picture.damage.simplejpeg", None)
    data = arithmetic(kind)
    assert accepted(data)
    assert not accepted(data[:-2])
    assert not accepted(SOUND["baseline"])  # it does need the second look


def test_a_table_of_arithmetic_coding_spares_no_second_look() -> None:
    table = b"\xff\xcc\0\x04\0\x10"
    damaged = zeroed(SOUND["baseline"], 20_000, 1000)
    assert accepted(SOUND["baseline"][:2] + table + SOUND["baseline"][2:])
    assert not accepted(damaged[:2] + table + damaged[2:])


def test_odd_sampling_is_read() -> None:
    """libjpeg decodes it, the second look cannot: the picture counts, if it has its end."""
    data = SOUND["4:4:4"]
    at = data.index(b"\xff\xc0")
    odd = data[: at + 11] + b"\x31" + data[at + 12 :]
    assert not accepted(odd[:-2])
