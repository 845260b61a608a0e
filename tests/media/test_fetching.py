"""Addresses that strangers name: what is refused, what is bounded. Real servers on localhost."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from service.errors import AddressRefused, FetchError
from service.media.fetching import Fetcher
from service.settings import Settings
from tests.certificates import self_signed
from tests.sites import Site, drip, page, redirect

HERE = ("127.0.0.1/32", "localhost")


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site({"/face.jpg": page(b"pixels")}) as running:
        yield running


def fetcher(allow: tuple[str, ...] = HERE, **settings: Any) -> Fetcher:
    return Fetcher(Settings(fetch_allow=allow, **{"fetch_timeout": 20.0} | settings))


def test_an_image_is_fetched(site: Site) -> None:
    assert fetcher().fetch(site.url("/face.jpg")) == b"pixels"


def test_the_server_hears_the_name_and_nothing_of_us_but_the_agent(site: Site) -> None:
    fetcher().fetch(site.url("/face.jpg", "localhost"))
    headers = {name.lower(): value for name, value in site.asked[-1][2].items()}
    assert headers.keys() == {"host", "accept", "accept-encoding", "connection", "user-agent"}
    assert headers["host"] == f"localhost:{site.port}"


PRIVATE = [
    "127.0.0.1", "127.8.9.10", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1",  # private
    "169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16",  # clouds' metadata
    "192.0.0.192", "224.0.0.1", "240.0.0.1", "255.255.255.255",
    "2130706433", "0x7f000001", "017700000001", "127.1", "0x7f.1", "0",  # 127.0.0.1 in disguise
    "[::1]", "[::]", "[fe80::1]", "[fc00::1]", "[fd00:ec2::254]", "[ff02::1]",
    "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[::ffff:169.254.169.254]",
    "[64:ff9b::127.0.0.1]", "[64:ff9b::a9fe:a9fe]", "[2002:7f00:1::]", "[2002:a9fe:a9fe::1]",
    "localhost", "LOCALHOST", "localhost.",
]  # fmt: skip


@pytest.mark.parametrize("host", PRIVATE)
def test_what_is_not_public_is_refused(host: str) -> None:
    with pytest.raises(AddressRefused):
        fetcher(()).vet(f"http://{host}:8080/face.jpg")


@pytest.mark.parametrize("host", ["93.184.215.14", "[2606:2800:21f:cb07:6820:80da:af6b:8b2c]"])
def test_what_is_public_is_not(host: str) -> None:
    assert fetcher(()).vet(f"https://{host}/a?b=c").addresses == (host.strip("[]"),)


@pytest.mark.parametrize(
    "url",
    ["", "face.jpg", "file:///etc/passwd", "ftp://a/b", "gopher://127.0.0.1", "http://", "//a/b",
     "http:///a", "http://[::1", "http://a:b/", "http://a:99999/", "http://a b/", "http://a/\r\nX:",
     "gopher://127.0.0.1:80/", "file://127.0.0.1:443/", "//127.0.0.1:80/", "http://127.0.0.1:0/",
     "http://a\\@b/", "http://é/", "http://" + "a" * 64 + ".com/", "http://a/" + "b" * 9000],
)  # fmt: skip
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(FetchError, match="valid http or https"):
        fetcher().vet(url)


def test_a_user_name_in_the_address_is_refused(site: Site) -> None:
    with pytest.raises(AddressRefused, match="user name"):
        fetcher().fetch(f"http://public.example@127.0.0.1:{site.port}/face.jpg")


@given(st.text(max_size=60))
@example("http://%31%32%37.0.0.1/")
@example("http://[v1.x]/")
def test_no_text_makes_it_fail_otherwise(text: str) -> None:
    with pytest.raises(FetchError):
        fetcher((), fetch_timeout=0.0).vet(text)


def test_redirects_are_followed(site: Site) -> None:
    site.pages |= {"/1": redirect("/2"), "/2": redirect(site.url("/face.jpg"), 307)}
    assert fetcher().fetch(site.url("/1")) == b"pixels"


def test_but_not_for_ever(site: Site) -> None:
    site.pages["/loop"] = redirect("/loop")
    before = len(site.asked)
    with pytest.raises(FetchError, match="too often"):
        fetcher().fetch(site.url("/loop"))
    assert len(site.asked) - before == 4


@pytest.mark.parametrize(
    "elsewhere", ["http://127.0.0.2/", "http://[::ffff:7f00:2]/", "http://169.254.169.254/latest/"]
)
def test_a_redirect_is_vetted_as_well(site: Site, elsewhere: str) -> None:
    site.pages["/trap"] = redirect(elsewhere)
    with pytest.raises(AddressRefused):
        fetcher(("127.0.0.1",)).fetch(site.url("/trap"))


def test_a_redirect_to_a_file_is_refused(site: Site) -> None:
    site.pages["/file"] = redirect("file:///etc/passwd")
    with pytest.raises(FetchError, match="valid http"):
        fetcher().fetch(site.url("/file"))


def answers(*addresses: str, port: int = 0) -> list[Any]:
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]


def test_a_name_that_resolves_again_gains_nothing(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding. No name server answers tests, so the resolver is the one part made up."""
    asked, real = list[str](), socket.getaddrinfo

    def rebinding(host: str, *rest: Any, **more: Any) -> Any:
        if host != "rebinding.example":  # threads that outlive other tests resolve names, too
            return real(host, *rest, **more)
        asked.append(host)
        return answers("127.0.0.1" if len(asked) == 1 else "127.0.0.3", port=site.port)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    url = f"http://rebinding.example:{site.port}/face.jpg"
    assert fetcher(("127.0.0.1",)).fetch(url) == b"pixels"
    assert len(asked) == 1
    with pytest.raises(AddressRefused):
        fetcher(("127.0.0.1",)).fetch(url)


def test_one_private_address_among_public_ones_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    found = answers("93.184.215.14", "10.0.0.1")
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    with pytest.raises(AddressRefused):
        fetcher(()).vet("http://mixed.example/")


def test_a_name_that_nobody_knows_is_refused_as_a_private_one_is() -> None:
    """Who asks must not learn which names exist inside."""
    found = []
    for host in ("nobody.invalid", "10.0.0.1", "localhost"):
        with pytest.raises(AddressRefused) as caught:
            fetcher(()).fetch(f"http://{host}/")
        found.append((caught.value.code, caught.value.sentence))
    assert len(set(found)) == 1


def test_a_redirect_to_another_scheme(site: Site) -> None:
    site.pages["/away"] = redirect(f"gopher://127.0.0.1:{site.port}/face.jpg")
    with pytest.raises(FetchError, match="valid http or https"):
        fetcher().fetch(site.url("/away"))


@pytest.mark.parametrize(
    ("status", "permanent"),
    [(401, True), (403, True), (404, True), (410, True), (408, False), (429, False), (503, False)],
)
def test_it_is_told_whether_asking_again_can_help(site: Site, status: int, permanent: bool) -> None:
    site.pages["/status"] = page(b"", status=status)
    with pytest.raises(FetchError) as caught:
        fetcher().fetch(site.url("/status"))
    assert caught.value.permanent is permanent


def test_a_resolver_that_never_answers(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(*_: object, **__: object) -> list[Any]:
        site.over.wait()
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    with pytest.raises(FetchError, match="resolved"):
        fetcher(fetch_timeout=0.2).vet("http://slow.example/")


def test_nobody_listens() -> None:
    with pytest.raises(FetchError, match="could not be fetched"):
        fetcher().fetch("http://127.0.0.1:1/")


@pytest.mark.parametrize("status", [204, 304, 401, 404, 500])
def test_another_status_is_told(site: Site, status: int) -> None:
    site.pages["/status"] = page(b"", status=status)
    with pytest.raises(FetchError, match=f"status {status}"):
        fetcher().fetch(site.url("/status"))


def test_what_is_no_image_is_not_read(site: Site) -> None:
    site.pages["/page"] = page(b"<html>", "text/html; charset=utf-8")
    with pytest.raises(FetchError, match="to no medium"):
        fetcher().fetch(site.url("/page"))
    assert fetcher().fetch(site.url("/page"), types=("text/",)) == b"<html>"


def test_a_body_of_the_greatest_size_fits_and_one_byte_more_does_not(site: Site) -> None:
    site.pages |= {"/fits": page(b"x" * 1024), "/more": page(b"x" * 1025)}
    assert len(fetcher(max_body_bytes=1024).fetch(site.url("/fits"))) == 1024
    with pytest.raises(FetchError, match="larger"):
        fetcher(max_body_bytes=1024).fetch(site.url("/more"))


def test_a_body_without_a_length_is_bounded_as_well(site: Site) -> None:
    start = b"HTTP/1.0 200 OK\r\nContent-Type: image/png\r\n\r\n"
    site.pages["/endless"] = drip(site, start, b"x" * 500)
    with pytest.raises(FetchError, match="larger"):
        fetcher(max_body_bytes=1024, fetch_timeout=100.0).fetch(site.url("/endless"))


@pytest.mark.parametrize(
    "start",
    [b"", b"HTTP/1.0 200 OK\r\nX: ", b"HTTP/1.0 200 OK\r\nContent-Type: image/png\r\n\r\n"],
    ids=["status", "headers", "body"],
)
def test_who_drips_is_cut_off(site: Site, start: bytes) -> None:
    site.pages["/drip"] = drip(site, start)
    with pytest.raises(FetchError, match="too long"):
        fetcher(fetch_timeout=0.5).fetch(site.url("/drip"))


def test_a_body_cut_short_is_no_image(site: Site) -> None:
    site.pages["/short"] = page(b"half", Content_Length="8")
    with pytest.raises(FetchError, match="could not be fetched"):
        fetcher().fetch(site.url("/short"))


def test_what_is_posted_arrives_and_redirects_are_not_followed(site: Site) -> None:
    site.pages |= {"/hook": page(b"", status=202), "/moved": redirect("/hook", 307)}
    headers = {"Content-Type": "application/json"}
    assert fetcher().post(site.url("/hook"), b"{}", headers) == 202
    assert site.asked[-1][0] == "POST"
    assert site.asked[-1][3] == b"{}"
    assert fetcher().post(site.url("/moved"), b"{}", headers) == 307


def test_posting_is_vetted(site: Site) -> None:
    with pytest.raises(AddressRefused):
        fetcher(()).post(site.url("/hook"), b"{}", {})


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[Site, Path]:
    """A site with a certificate for `localhost`, and that certificate."""
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = self_signed(folder, "localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return Site({"/face.jpg": page(b"pixels")}, context), certificate


def test_https_checks_the_certificate_for_the_name(
    tls: tuple[Site, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    with tls[0] as site:
        with pytest.raises(FetchError):
            fetcher().fetch(site.url("/face.jpg", "localhost"))
        monkeypatch.setenv("SSL_CERT_FILE", str(tls[1]))
        assert fetcher().fetch(site.url("/face.jpg", "localhost")) == b"pixels"
        with pytest.raises(FetchError):
            fetcher().fetch(site.url("/face.jpg", "127.0.0.1"))
