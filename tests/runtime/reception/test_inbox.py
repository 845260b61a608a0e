"""Where a request ends, however its bytes come."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.runtime.reception.inbox import HEAD, LINE, Inbox

CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
POST = b"POST /a?b=c HTTP/1.1\r\nHost: a\r\n"
WHOLE = {
    "no body": b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n",
    "a length": POST + b"Content-Length: 5\r\n\r\nhello",
    "chunks": POST
    + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n3;a=b\r\n\r\n\r\r\n0\r\n\r\n",
    "trailers": POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nA: b\r\nC: d\r\n\r\n",
    "an end in a chunk": POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\n0\r\n\r\n\r\n0\r\n\r\n",
}
STRANGE = {
    "two lengths": POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
    "length and chunks": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
    "length of no number": POST + b"Content-Length: -5\r\n\r\n",
    "another coding": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n",
    "folded": POST + b"X: y\r\n Content-Length: 5\r\n\r\n",
    "bad size": POST + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n",
    "no line's end": POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\nabc",
    "bare line feeds": b"GET / HTTP/1.1\nHost: a\n\n",
    "a long line": b"GET /" + b"a" * LINE,
    "long headers": b"GET / HTTP/1.1\r\nA: " + b"b" * HEAD,
}


def read(inbox: Inbox) -> bytes:
    found = b""
    while piece := inbox.recv(7):
        found += piece
    return found


@pytest.mark.parametrize("name", WHOLE)
@given(data=st.data())
def test_a_request_is_whole_with_its_last_byte_and_not_before(
    name: str, data: st.DataObject
) -> None:
    inbox, request = Inbox(1000), WHOLE[name]
    cuts = data.draw(st.lists(st.integers(1, len(request) - 1), max_size=9))
    edges = sorted({0, len(request), *cuts})
    for start, end in itertools.pairwise(edges):
        assert not inbox.whole
        inbox.add(request[start:end])
    assert inbox.whole
    assert not inbox.cut
    assert inbox.path == b"/a"
    assert read(inbox) == request


@given(st.lists(st.sampled_from(sorted(WHOLE)), min_size=1, max_size=4))
def test_requests_behind_each_other_come_out_one_by_one(names: list[str]) -> None:
    inbox = Inbox(1000)
    inbox.add(b"".join(WHOLE[name] for name in names))
    for name in names:
        assert inbox.whole
        assert read(inbox) == WHOLE[name]
        inbox.next()
    assert not inbox.whole


@pytest.mark.parametrize("name", STRANGE)
def test_what_is_strange_is_handed_over_at_once_and_ends_the_connection(name: str) -> None:
    inbox = Inbox(1000)
    inbox.add(STRANGE[name])
    assert inbox.whole
    assert inbox.cut


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_no_bytes_break_it(one: bytes, other: bytes) -> None:
    inbox = Inbox(100)
    inbox.add(one)
    inbox.add(other)
    inbox.end_here()
    assert read(inbox) == one + other


@pytest.mark.parametrize("rest", [b"Content-Length: 1001\r\n\r\n", CHUNKED + b"ffffffff\r\n"])
def test_what_is_too_large_to_be_waited_for_is_read_as_it_comes(rest: bytes) -> None:
    asked: list[int] = []
    inbox = Inbox(1000, lambda size: asked.append(size) or b"")  # type: ignore[func-returns-value]
    inbox.add(POST + rest)
    assert inbox.whole
    assert inbox.cut
    assert read(inbox) == POST + rest
    assert asked == [7]
