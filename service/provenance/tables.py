"""Which kind of encoder wrote a JPEG, by its quantisation tables."""

from __future__ import annotations

from functools import cache
from typing import Literal

from service.provenance.containers import Parts
from service.provenance.facts import Encoder

# The standard's tables (ITU-T T.81, annex K), and the one that MPEG-1 and MPEG-2 begin with.
LUMA = (
    *(16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55),
    *(14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62),
    *(18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92),
    *(49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99),
)
CHROMA = (
    *(17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99),
    *(24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99, 99, 99, 99),
    *(99,) * 32,
)
MPEG = (
    *(8, 16, 19, 22, 26, 27, 29, 34, 16, 16, 22, 24, 27, 29, 34, 37),
    *(19, 22, 26, 27, 29, 34, 34, 38, 22, 22, 26, 27, 29, 34, 37, 40),
    *(22, 26, 27, 29, 32, 35, 40, 48, 26, 27, 29, 32, 35, 40, 48, 58),
    *(26, 27, 29, 34, 38, 46, 56, 69, 27, 29, 35, 38, 46, 56, 69, 83),
)
ZIGZAG = (
    *(0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48),
    *(41, 34, 27, 20, 13, 6, 7, 14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22),
    *(15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63),
)
SAMPLING = {(1, 1): "4:4:4", (2, 1): "4:2:2", (2, 2): "4:2:0", (1, 2): "4:4:0", (4, 1): "4:1:1"}
# Classes, numbers and counts of codes of the tables that the standard gives as an example (K.3):
# who counts the codes of each picture gets others.
EXAMPLE_DC = bytes((0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0))
EXAMPLE_AC = bytes((0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 125))

Table = tuple[int, ...]


def encoder(parts: Parts) -> Encoder | None:
    """How a JPEG was written; None for what is none, or has no tables."""
    if 0 not in parts.tables or len(parts.frame) < 9:
        return None
    luma = parts.tables[0]
    quality = scaled_quality(luma, LUMA)
    chroma = parts.tables.get(1)
    is_colour = len(parts.frame) >= 15
    if quality is not None and is_colour and chroma not in (None, scaled(CHROMA, quality)):
        quality = None  # half of it is the maker's own
    mpeg = quality is None and luma[1:] in _mpeg_tables()
    return Encoder(
        family="mpeg" if mpeg else "own" if quality is None else "libjpeg",
        quality=quality,
        sampling=_sampling(parts.frame),
        progressive=parts.progressive,
        huffman=_huffman(parts),
    )


@cache
def scaled(base: Table, quality: int) -> Table:
    """A table as libjpeg scales it, in zigzag order, no number above 255."""
    percent = 5000 // quality if quality < 50 else 200 - 2 * quality
    return tuple(min(max((base[at] * percent + 50) // 100, 1), 255) for at in ZIGZAG)


def scaled_quality(table: Table, base: Table) -> int | None:
    """The quality that gives this table, if one does."""
    return _qualities(base).get(table)


@cache
def _qualities(base: Table) -> dict[Table, int]:
    return {scaled(base, quality): quality for quality in range(1, 101)}


@cache
def _mpeg_tables() -> frozenset[Table]:
    """Without the first number, which encoders choose in ways of their own."""
    return frozenset(
        tuple(min(MPEG[at] * scale >> 3, 255) for at in ZIGZAG[1:]) for scale in range(2, 64)
    )


def _sampling(frame: bytes) -> str:
    if len(frame) < 15:
        return "grey"
    across, down = frame[7] >> 4, frame[7] & 15
    others = {frame[10], frame[13]}
    return SAMPLING.get((across, down), "other") if others == {0x11} else "other"


def _huffman(parts: Parts) -> Literal["standard", "optimised"]:
    counts = {body[at + 1 : at + 17] for body in parts.huffman for at in _tables_in(body)}
    standard = EXAMPLE_DC in counts and EXAMPLE_AC in counts and not parts.progressive
    return "standard" if standard else "optimised"


def _tables_in(body: bytes) -> list[int]:
    """Where each Huffman table of a segment begins."""
    found, at = [], 0
    while at + 17 <= len(body):
        found.append(at)
        at += 17 + sum(body[at + 1 : at + 17])
    return found
