"""Whether a file is as long as it says itself, where FFmpeg would read on in silence."""

from __future__ import annotations

import os
from typing import IO

STREAMED = (0, 2**32 - 1)  # sizes of RIFF that nobody knew when the head was written
SLACK = 0.98  # share of the promised bytes that still is a whole file
ASF = b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"  # the first bytes of its head
ASF_FILE = b"\xa1\xdc\xab\x8c\x47\xa9\xcf\x11\x8e\xe4\x00\xc0\x0c\x20\x53\x65"  # its size follows
HEAD = 2**16  # bytes of an ASF file in which its size stands
OGG_PAGE = 27 + 255 + 255 * 255  # bytes at most


def is_cut_off(file: IO[bytes]) -> bool:
    """Whether bytes are missing at its end, as far as its own head or last page tells."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    head = file.read(12)
    if head[:4] == b"OggS":
        return _ogg(file, size)
    promised = _asf(file) if head.startswith(ASF) else _riff(head)
    return size < SLACK * promised


def _riff(head: bytes) -> int:
    """Bytes promised by a WAV or AVI file; 0 where it promises none."""
    promised = int.from_bytes(head[4:8], "little")
    return promised + 8 if head[:4] == b"RIFF" and promised not in STREAMED else 0


def _asf(file: IO[bytes]) -> int:
    file.seek(0)
    head = file.read(HEAD)
    at = head.find(ASF_FILE) + len(ASF_FILE) + 8 + 16  # behind the object's size and the file's id
    return int.from_bytes(head[at : at + 8], "little") if ASF_FILE in head else 0


def _ogg(file: IO[bytes], size: int) -> bool:
    """Its last page says how long it is."""
    file.seek(max(0, size - OGG_PAGE))
    tail = file.read()
    page = tail[tail.rfind(b"OggS") :]
    count = page[26] if len(page) > 26 else 0
    return len(page) < 27 + count + sum(page[27 : 27 + count])
