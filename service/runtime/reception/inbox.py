"""What a client has sent of a request, and whether that is all of it.

A thread gets a request only when it is whole, so that no thread ever waits for a client. Where a
request ends is worked out here to that purpose alone: gunicorn reads and judges the same bytes, and
what looks malformed is handed to it at once, for it has the sentence.
"""

from __future__ import annotations

import re
from collections.abc import Callable

LINE = 8190  # bytes of a request line; gunicorn refuses longer ones
HEAD = 100 * 8192 + 8192  # bytes of all headers; the same
LENGTH = re.compile(rb"\r\ncontent-length[ \t]*:[ \t]*(\d{1,18})[ \t]*(?=\r\n)", re.I)
FRAMING = re.compile(rb"\n[ \t]*(?:content-length|transfer-encoding)[ \t]*:", re.I)
CHUNKED = re.compile(rb"\r\ntransfer-encoding[ \t]*:[ \t]*chunked[ \t]*(?=\r\n)", re.I)
EXPECTS = re.compile(rb"\r\nexpect[ \t]*:[ \t]*100-continue[ \t]*(?=\r\n)", re.I)
SIZE = re.compile(rb"([0-9a-fA-F]{1,15})[ \t]*(?:;.*)?")
TRAILERS = 16384  # bytes


class Inbox:
    """Bytes of one connection, in; one request at a time, out, by `recv`. Not for several threads.

    most: bytes of a body that is waited for. A longer one is handed over with what has come of it
    (`cut`), and the rest is asked of `more` as it is read (`streaming`).
    """

    def __init__(self, most: int, more: Callable[[int], bytes] | None = None) -> None:
        self._most, self._more = most, more
        self._data = bytearray()
        self._end: int | None = None  # of the request, once it is known
        self._head = 0  # bytes of its headers, once they have come
        self._chunk = 0  # where the next line of a chunked body begins
        self._chunked = self.expects = self.cut = self.streaming = False

    def __len__(self) -> int:
        return len(self._data)

    @property
    def whole(self) -> bool:
        return self._end is not None and len(self._data) >= self._end

    @property
    def in_body(self) -> bool:
        return self._head > 0

    @property
    def path(self) -> bytes:
        """The path of the request that begins here, without its query."""
        words = bytes(self._data[: LINE + 2]).split(b"\r\n", 1)[0].split(b" ")
        return words[1].split(b"?", 1)[0] if len(words) == 3 else b""

    def add(self, data: bytes) -> None:
        """Take in what came."""
        self._data += data
        self.look()

    def look(self) -> None:
        """Work out whether a request is whole by now."""
        if self._end is None and not self._head:
            self._look_for_head()
        if self._end is None and self._chunked:
            self._look_for_last_chunk()

    def next(self) -> None:
        """The request was answered: what is left belongs to the one that follows."""
        self._end, self._head, self._chunk = None, 0, 0
        self._chunked = self.expects = False
        self.look()

    def end_here(self) -> None:
        """As it is: gunicorn or the route says what is wrong with it, and the connection ends."""
        self._end, self.cut = len(self._data), True

    def _stream(self) -> None:
        self.streaming = True
        self.end_here()

    def recv(self, size: int) -> bytes:
        """A piece of the request, as a socket gives it; nothing at its end."""
        if self.streaming and not self._end and self._more:
            return self._more(size)
        size = min(size, self._end or 0)
        piece = bytes(self._data[:size])
        del self._data[:size]
        self._end = (self._end or 0) - size
        return piece

    def _look_for_head(self) -> None:
        found = self._data.find(b"\r\n\r\n")
        if found < 0:
            too_long = len(self._data) > HEAD or b"\r\n" not in self._data[: LINE + 2]
            if (too_long and len(self._data) > LINE + 2) or b"\n\n" in self._data:
                self.end_here()
            return
        self._head = found + 4
        head = bytes(self._data[: found + 2])
        lengths, others = LENGTH.findall(head), len(FRAMING.findall(head))
        self.expects = EXPECTS.search(head) is not None
        if others > 1 or (others and not lengths and not CHUNKED.search(head)):
            self.end_here()
        elif others and not lengths:
            self._chunked, self._chunk = True, self._head
        else:
            self._of_length(int(lengths[0]) if lengths else 0)

    def _of_length(self, length: int) -> None:
        if length > self._most:
            self._stream()
        else:
            self._end = self._head + length

    def _look_for_last_chunk(self) -> None:
        """Each line of a size leads to the next; the one of 0 to trailers and an empty line."""
        while (line := self._data.find(b"\r\n", self._chunk, self._chunk + LINE)) >= 0:
            size = SIZE.fullmatch(self._data[self._chunk : line])
            if size is None:
                return self.end_here()
            if int(size[1], 16) == 0:
                return self._look_for_trailers(line)
            if not self._pass_chunk(line + 2 + int(size[1], 16)):
                return None
        if len(self._data) - self._chunk > LINE:
            self.end_here()
        return None

    def _pass_chunk(self, end: int) -> bool:
        """Whether a chunk is there and another one follows."""
        if end - self._head > self._most + HEAD:
            self._stream()
        elif self._data[end : end + 2] == b"\r\n":
            self._chunk = end + 2
        elif len(self._data) >= end + 2:
            self.end_here()
        return self._chunk == end + 2

    def _look_for_trailers(self, line: int) -> None:
        found = self._data.find(b"\r\n\r\n", line)
        if found >= 0:
            self._end = found + 4
        elif len(self._data) - line > TRAILERS:
            self.end_here()
