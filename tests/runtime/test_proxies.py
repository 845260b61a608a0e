"""Whose address a request has behind proxies."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import StartupError
from service.runtime.proxies import Proxies, counted_as
from service.settings import load_settings

OURS = Proxies(["10.0.0.0/8", "2001:db8:1::/48", "127.0.0.1"])


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("198.51.100.7", "203.0.113.9", "198.51.100.7"),  # no proxy of ours: not believed
        ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "1.1.1.1, 203.0.113.9", "203.0.113.9"),  # the first was made up
        ("10.0.0.1", "203.0.113.9, 10.0.0.2", "203.0.113.9"),
        ("10.0.0.1", "203.0.113.9:4711", "203.0.113.9"),
        ("::ffff:10.0.0.1", "[2001:db8:2::9]:80", "2001:db8:2::9"),
        ("2001:db8:1::1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "unknown", "10.0.0.1"),
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("", "203.0.113.9", ""),
    ],
)
def test_the_last_one_that_is_not_ours(peer: str, forwarded: str, client: str) -> None:
    assert OURS.client(peer, forwarded) == client


@given(st.text(max_size=60))
def test_nobody_else_can_say_who_he_is(forwarded: str) -> None:
    assert OURS.client("198.51.100.7", forwarded) == "198.51.100.7"
    assert Proxies([]).client("10.0.0.1", forwarded) == "10.0.0.1"


def test_neighbours_in_one_ipv6_network_count_as_one() -> None:
    assert counted_as("2001:db8::1") == counted_as("2001:db8::ffff:1") != counted_as("2001:db8:1::")
    assert counted_as("::ffff:192.0.2.1") == counted_as("192.0.2.1") == "192.0.2.1"


def test_what_is_no_network_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEGATE_TRUSTED_PROXIES", "10.0.0.0/8, somewhere")
    with pytest.raises(StartupError, match="FACEGATE_TRUSTED_PROXIES"):
        load_settings()
