"""Slow clients cost memory for a while, never a thread: probes and judgements go on."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
import requests

from tests.faults.load import fresh_selfie
from tests.live import Live, data_uri
from tests.security.slow import BEGINNINGS, HEAD, UNREAD, Slow, worst
from tests.thorough import either
from tests.waiting import eventually

SECONDS = either(8, 3)  # more than the patience of the service
# Large answers that nobody reads cost more: 0.14 s at worst where it is quiet, 0.28 s where busy.
USUAL = {"unread": 0.5}


def healthz(live: Live) -> None:
    assert requests.get(f"{live.base}/healthz", timeout=10).status_code == 200


def calm(live: Live) -> bool:
    """Whether both workers are done with the clients of the test before: until then their unread
    farewells hold the places of this address, and a newcomer may hear 503."""
    asked = [requests.get(f"{live.base}/healthz", timeout=10).status_code for _ in range(20)]
    return asked == [200] * 20


def judged(live: Live) -> None:
    body = {"hash_id": live.hash_id, "selfie_image": data_uri(fresh_selfie())}
    for _ in range(10):  # a worker whose places are all taken by them says 503 for a moment
        status = requests.post(f"{live.base}/liveness", json=body, timeout=20).status_code
        if status != 503:
            break
        time.sleep(1)
    assert status == 200


@pytest.fixture(scope="module")
def spared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A service on the same machine that slow clients leave alone."""
    with Live(tmp_path_factory.mktemp("spared"), probability=0.2, workers=2) as live:
        yield live


def quick(fort: Live, spared: Live, kind: str) -> bool:
    """Whether probes of `fort` take as long as those of a service that nobody holds up."""
    with ThreadPoolExecutor() as probes:
        (most, usual), (_, elsewhere) = probes.map(
            lambda live: worst(lambda: healthz(live), SECONDS), (fort, spared)
        )
    print(f"{kind}: most {most:.2f} s, nine of ten {usual:.2f} s, elsewhere {elsewhere:.2f} s")
    # A hundredth of a second or two in truth; a busy test machine takes longer everywhere.
    # Who waits for a thread that they hold waits until their patience of 2 s is over.
    return usual < max(USUAL.get(kind, 0.1), 4 * elsewhere) and most < max(1.0, 9 * elsewhere)


@pytest.mark.parametrize("kind", [*BEGINNINGS, "unread"])
def test_two_hundred_slow_clients_hold_up_nobody(fort: Live, spared: Live, kind: str) -> None:
    beginning = BEGINNINGS.get(kind, UNREAD)
    assert eventually(lambda: calm(fort), 8)
    with Slow(fort.settings.port, beginning, 200) as slow:
        time.sleep(1)
        judged(fort)
        # They come again and again, so what they hold is held each time; a busy moment passes.
        assert any(quick(fort, spared, kind) for _ in range(3))
        judged(fort)
        assert eventually(lambda: slow.closed >= 50, 8)


def answer(live: Live, *pieces: bytes, wait: float = 15.0) -> bytes:
    """All that comes until the service closes."""
    with socket.create_connection(("127.0.0.1", live.settings.port)) as client:
        client.settimeout(wait)
        for piece in pieces:
            client.sendall(piece)
            time.sleep(0.05)
        found = b""
        while more := client.recv(65536):
            found += more
        return found


def test_a_request_that_does_not_arrive_is_told_so(fort: Live) -> None:
    beginnings = [BEGINNINGS[kind] for kind in ("headers", "body", "chunks")]
    with ThreadPoolExecutor() as clients:
        answers = list(clients.map(lambda beginning: answer(fort, beginning), beginnings))
    for told in answers:
        assert told.startswith(b"HTTP/1.1 408 ")
        assert b'"code":"REQUEST_TIMEOUT"' in told


def test_a_body_that_comes_steadily_has_the_time_it_takes(fort: Live) -> None:
    body = b'{"hash_id": "nobody", "selfie_image": "' + b"A" * 200_000 + b'"}'
    with socket.create_connection(("127.0.0.1", fort.settings.port)) as client:
        client.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(body))
        for start in range(0, len(body), 20_000):  # 3.2 s, more than the patience
            client.sendall(body[start : start + 20_000])
            time.sleep(0.32)
        assert client.recv(20).startswith(b"HTTP/1.1 401 ")


def test_a_request_in_single_bytes_is_read_as_any_other(fort: Live) -> None:
    whole = HEAD + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
    with socket.create_connection(("127.0.0.1", fort.settings.port)) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in whole:
            client.sendall(bytes([byte]))
        told = b""
        while more := client.recv(4096):
            told += more
    assert b" is missing." in told


def test_requests_in_one_piece_are_answered_one_after_the_other(fort: Live) -> None:
    one = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
    last = b"GET /ping HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    assert answer(fort, one * 3 + last).count(b"HTTP/1.1 200 OK") == 4


def test_what_follows_a_refused_body_is_no_request(fort: Live) -> None:
    """Else a body could carry one past a proxy."""
    hidden = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
    told = answer(fort, HEAD + b"Content-Length: 99999999\r\n\r\n" + hidden)
    assert told.count(b"HTTP/1.1 ") == 1
    assert b" 413 " in told[:20]


def test_a_client_that_hangs_up_in_mid_body_hears_why(fort: Live) -> None:
    with socket.create_connection(("127.0.0.1", fort.settings.port)) as client:
        client.sendall(BEGINNINGS["body"])
        client.shutdown(socket.SHUT_WR)
        assert client.recv(20).startswith(b"HTTP/1.1 400 ")


def test_the_health_port_has_probes_and_nothing_else(fort: Live) -> None:
    base = f"http://127.0.0.1:{fort.settings.health_port}"
    for path in ("/healthz", "/readyz", "/metrics", "/status_check", "/ping"):
        assert requests.get(base + path, timeout=5).status_code == 200
    for path in ("/v1/model-card", "/v1/results", "/docs", "/healthz/"):
        assert requests.get(base + path, timeout=5).status_code == 404


def test_probes_do_not_wait_for_inference(fort: Live) -> None:
    stop = threading.Event()

    def press() -> None:
        body = {"hash_id": fort.hash_id, "image": data_uri(fresh_selfie())}
        while not stop.is_set():
            requests.post(f"{fort.base}/v1/analyze", json=body, timeout=60)

    clients = [threading.Thread(target=press) for _ in range(40)]
    for client in clients:
        client.start()
    try:
        base = f"http://127.0.0.1:{fort.settings.health_port}"
        most, _ = worst(lambda: requests.get(f"{base}/healthz", timeout=10), either(4, 2))
        assert most < 2.0
    finally:
        stop.set()
        for client in clients:
            client.join()


def test_many_large_bodies_at_once_take_no_more_memory_than_they_may(fort: Live) -> None:
    """A budget a worker, and the slowest goes: 120 uploads of 15 MB that never end."""
    clients = []
    for _ in range(120):
        client = socket.create_connection(("127.0.0.1", fort.settings.port))
        client.setblocking(False)
        clients.append(client)
    head = HEAD + b"Content-Length: 15000000\r\n\r\n"
    left = dict.fromkeys(clients[:1], head + b"x" * 14000000)
    rest = memoryview(head + b"x" * 14_000_000)
    sent = dict.fromkeys(clients, 0)
    end = time.monotonic() + 20
    while time.monotonic() < end and any(at < len(rest) for at in sent.values()):
        for client, at in list(sent.items()):
            try:
                sent[client] = at + client.send(rest[at : at + 262144])
            except BlockingIOError:
                continue
            except OSError:
                del sent[client]
        healthz(fort)
    used = sum(one.memory_info().rss for one in psutil.Process(fort.process.pid).children())
    for client in clients:
        client.close()
    assert left
    assert used < 2 * (16 * fort.settings.max_body_bytes + 700 * 2**20)
    judged(fort)
