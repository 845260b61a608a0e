"""Fetch addresses that callers name, guarded against SSRF.

A name is resolved once, every address it has is vetted, and the connection goes to a vetted one:
a name that resolves again in between (DNS rebinding) gains nothing. Each redirect starts over.
Proxies of the environment are not used, for a proxy would resolve the name by itself.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urljoin, urlsplit

from service import __version__
from service.errors import AddressRefused, FacegateError, FetchError
from service.runtime.limits.concurrency import ConcurrencyLimit
from service.runtime.limits.deadline import run_with_deadline
from service.settings import Settings

Address = IPv4Address | IPv6Address
REDIRECTS = 3
CONNECT = 5.0  # seconds
CHUNK = 65536  # bytes
LONGEST = 8192  # characters of an address
# Statuses below 500 that may pass: time-outs, locks and rates.
PASSING = frozenset({408, 409, 421, 423, 425, 429})
TOO_LARGE = "What the address leads to is larger than this service accepts."
INVALID = "The address must be a valid http or https address."
NAT64 = IPv6Network("64:ff9b::/96")
GLOBAL_UNICAST = IPv6Network("2000::/3")
# Public by what `ipaddress` says, yet answered by a cloud's own machinery.
CLOUD = (IPv4Network("168.63.129.16/32"), IPv4Network("192.0.0.0/24"))
IMAGES = ("image/", "application/octet-stream", "binary/octet-stream")
MEDIA = (*IMAGES, "video/", "audio/", "application/ogg")


@dataclass(frozen=True)
class Target:
    """A vetted address: connect to one of `addresses`, whatever `host` resolves to later."""

    scheme: str
    host: str
    port: int
    path: str  # with the query
    addresses: tuple[str, ...]


class Fetcher:
    """Fetches addresses under the guard. Safe for threads; holds no connection."""

    def __init__(self, settings: Settings) -> None:
        self._allow = settings.fetch_allow
        self._seconds = settings.fetch_timeout
        self._max_bytes = settings.max_body_bytes
        # A slow server of somebody else holds a thread of ours.
        self._limit = ConcurrencyLimit(settings.fetch_slots, 0, 0)

    def vet(self, url: str) -> Target:
        """Resolve and vet an address. Raises FetchError, or AddressRefused."""
        return self._vet(url, time.monotonic() + self._seconds)

    def fetch(self, url: str, types: Sequence[str] = IMAGES) -> bytes:
        """The body behind `url`, at most `max_body_bytes` long and of one of these media types.

        Raises FetchError, AddressRefused, or Overloaded.
        """
        with self._limit.enter():
            return self._fetch(url, types, time.monotonic() + self._seconds)

    def _fetch(self, url: str, types: Sequence[str], deadline: float) -> bytes:
        for _ in range(REDIRECTS + 1):
            target = self._vet(url, deadline)
            with _answer(target, "GET", b"", {"Accept": _accepted(types)}, deadline) as answer:
                location = answer.headers.get("Location")
                if not (300 <= answer.status < 400 and location):
                    return _body(answer, types, self._max_bytes, deadline)
                url = urljoin(url, location)
        raise FetchError("The address redirects too often.", permanent=True)

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """The status of `url`'s response; redirects are not followed. Raises as `fetch` does."""
        deadline = time.monotonic() + self._seconds
        with _answer(self._vet(url, deadline), "POST", body, headers, deadline) as answer:
            return answer.status

    def _vet(self, url: str, deadline: float) -> Target:
        scheme, host, port, path = _parts(url)
        found = _resolve(host, port, deadline - time.monotonic())
        if not all(self._permits(host, address) for address in found):
            raise AddressRefused
        return Target(scheme, host, port, path, tuple(map(str, found)))

    def _permits(self, host: str, address: Address) -> bool:
        plain = _unwrapped(address)
        if host in self._allow or any(_is_within(plain, entry) for entry in self._allow):
            return True
        return _is_public(plain)


def _parts(url: str) -> tuple[str, str, int, str]:
    """Scheme, host, port and path. Whatever two parsers could read in two ways is refused."""
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna").decode().rstrip(".")
        port = {"http": 80, "https": 443}[parts.scheme]
        port = port if parts.port is None else parts.port
        plain = url.isascii() and url.isprintable() and not set(url) & set(' \\"<>^`{|}')
    except (ValueError, KeyError):  # UnicodeError is a ValueError
        raise FetchError(INVALID, permanent=True) from None
    if not host or not port or not plain or len(url) > LONGEST:
        raise FetchError(INVALID, permanent=True)
    if "@" in parts.netloc:
        raise AddressRefused("The address must hold no user name or password.")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return parts.scheme, host, port, path


def _resolve(host: str, port: int, seconds: float) -> list[Address]:
    def ask() -> list[Address]:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        # A link-local address has its zone after a percent sign.
        texts = [str(info[4][0]).partition("%")[0] for info in found]
        return [ip_address(text) for text in dict.fromkeys(texts)]

    with suppress(OSError, ValueError):  # a TimeoutError is an OSError
        if found := run_with_deadline(seconds, ask, "resolve"):
            return found
    raise AddressRefused(permanent=False)


def _unwrapped(address: Address) -> Address:
    """The IPv4 address that an IPv6 address leads to, where it is a disguise of one."""
    if isinstance(address, IPv4Address):
        return address
    if address in NAT64 or int(address) < 2**32:
        return IPv4Address(int(address) % 2**32)
    teredo = address.teredo[1] if address.teredo else None
    return address.ipv4_mapped or address.sixtofour or teredo or address


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv6Address):
        return address in GLOBAL_UNICAST and address.is_global
    special = address.is_multicast or address.is_reserved or address.is_private
    return address.is_global and not special and not any(address in net for net in CLOUD)


def _is_within(address: Address, entry: str) -> bool:
    try:
        return address in ip_network(entry)
    except ValueError:  # a host's name
        return False


@contextmanager
def _answer(
    target: Target, method: str, body: bytes, headers: Mapping[str, str], deadline: float
) -> Iterator[http.client.HTTPResponse]:
    agent = {"User-Agent": f"facegate/{__version__}", "Connection": "close"}
    try:
        with _connected(target, deadline) as connection:
            connection.request(method, target.path, body or None, {**agent, **headers})
            answer = connection.getresponse()
            _still_in(deadline)
            yield answer
    except FacegateError:
        raise
    except (OSError, http.client.HTTPException, ValueError):
        late = time.monotonic() >= deadline
        raise FetchError("The address took too long to answer." if late else None) from None


@contextmanager
def _connected(target: Target, deadline: float) -> Iterator[http.client.HTTPConnection]:
    with _socket(target, deadline) as plain, _cut_off(plain, deadline):
        if target.scheme == "https":
            context = ssl.create_default_context()
            kind: type[http.client.HTTPConnection] = http.client.HTTPSConnection
            wrapped: socket.socket = context.wrap_socket(plain, server_hostname=target.host)
        else:
            kind, wrapped = http.client.HTTPConnection, plain
        connection = kind(target.host, target.port)
        connection.sock = wrapped  # never `connect`, which would resolve the name again
        connection.auto_open = 0
        try:
            yield connection
        finally:
            connection.close()


def _socket(target: Target, deadline: float) -> socket.socket:
    """Connected to the first vetted address that accepts."""
    for address in target.addresses:
        left = deadline - time.monotonic()
        if left > 0:
            with suppress(OSError):
                return socket.create_connection((address, target.port), min(CONNECT, left))
    raise FetchError


@contextmanager
def _cut_off(connected: socket.socket, deadline: float) -> Iterator[None]:
    """Break the connection at the deadline: a timeout of a socket holds for one read only, and a
    server that drips would keep us for ever."""
    connected.settimeout(max(deadline - time.monotonic(), 0.01))
    with connected.dup() as twin:  # TLS takes the first one over
        timer = threading.Timer(max(deadline - time.monotonic(), 0), _shut, (twin,))
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()


def _shut(connected: socket.socket) -> None:
    with suppress(OSError):
        connected.shutdown(socket.SHUT_RDWR)


def _body(
    answer: http.client.HTTPResponse, types: Sequence[str], limit: int, deadline: float
) -> bytes:
    if answer.status != 200:
        lasting = answer.status < 500 and answer.status not in PASSING
        raise FetchError(f"The address answered with status {answer.status}.", permanent=lasting)
    if not answer.headers.get_content_type().startswith(tuple(types)):
        raise FetchError("The address leads to no medium that is judged here.", permanent=True)
    data = bytearray()
    while chunk := answer.read(min(CHUNK, limit + 1 - len(data))):
        data += chunk
        if len(data) > limit:
            raise FetchError(TOO_LARGE, permanent=True)
    _still_in(deadline)
    if answer.length:
        raise http.client.IncompleteRead(b"")
    return bytes(data)


def _still_in(deadline: float) -> None:
    """A connection that was cut off looks like an end of headers or body."""
    if time.monotonic() >= deadline:
        raise TimeoutError


def _accepted(types: Sequence[str]) -> str:
    return ", ".join(f"{one}*" for one in types if one.endswith("/"))
