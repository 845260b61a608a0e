"""Who a client is behind proxies: what trusted ones say of it, and nobody else."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
HOME = 64  # bits of an IPv6 address that name one customer's network


class Proxies:
    """The networks of proxies that are trusted. Raises ValueError for what is none."""

    def __init__(self, networks: Sequence[str]) -> None:
        self._networks: list[IPv4Network | IPv6Network] = [ip_network(one) for one in networks]

    def trusts(self, address: str) -> bool:
        """Whether this is one of them."""
        known = _read(address)
        return known is not None and any(known in network for network in self._networks)

    def client(self, peer: str, forwarded: str) -> str:
        """The last address of the way that no trusted proxy stands for."""
        if not self.trusts(peer):
            return peer
        for hop in reversed(forwarded.split(",")):
            known = _read(hop.strip())
            if known is None:
                return peer
            peer = str(known)
            if not self.trusts(peer):
                return peer
        return peer


def counted_as(address: str) -> str:
    """What attempts are counted by: who has one IPv6 address has as many as he likes beside it."""
    known = _read(address)
    if isinstance(known, IPv6Address):
        return str(ip_network((known, HOME), strict=False))
    return str(known) if known else address


def _read(text: str) -> Address | None:
    """`192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`, `::ffff:192.0.2.1`."""
    bare = text.partition("]")[0].removeprefix("[") if text.startswith("[") else text
    if bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        found = ip_address(bare)
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found
