"""What decoder and service say to each other: an order in, messages out.

A message is the length of its head (4 bytes), the head (JSON) and `head["size"]` bytes of payload.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

LENGTH = struct.Struct(">I")
LONGEST_HEAD = 2**16  # bytes
LARGEST = 2**28  # bytes of a payload
Failure = Literal[
    "damaged", "too_large", "too_long", "too_complex", "no_pictures", "no_sound", "ambiguous"
]


@dataclass(frozen=True)
class Order:
    """What to decode, and the limits of it. seconds: of footage; longest: pixels of the longer
    side of a frame as it is sent; memory: bytes; most: frames to send."""

    want: Literal["pictures", "sound"]
    descriptor: int
    max_pixels: int
    max_seconds: float
    longest: int
    most: int
    memory: int

    def dump(self) -> str:
        """As the decoder's argument."""
        return json.dumps(asdict(self))

    @classmethod
    def load(cls, text: str) -> Self:
        """From the decoder's argument."""
        return cls(**json.loads(text))


def pack(head: dict[str, Any]) -> bytes:
    """Length and head of a message; the payload follows."""
    body = json.dumps(head).encode()
    return LENGTH.pack(len(body)) + body


def unpack(read: Callable[[int], bytes]) -> tuple[dict[str, Any], bytes]:
    """Head and payload of the next message. Raises ValueError for what is none."""
    (length,) = LENGTH.unpack(read(LENGTH.size))
    if length > LONGEST_HEAD:
        raise ValueError("head too long")
    head = json.loads(read(length))
    size = head.get("size", 0)
    if not 0 <= size <= LARGEST:
        raise ValueError("payload too large")
    return head, read(size)
