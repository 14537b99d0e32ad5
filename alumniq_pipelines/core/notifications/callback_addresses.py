"""Which addresses a callback may reach: the public ones, and what the installation allows.

Customers choose callback URLs, so without this rule they could make us call our own network. It is
applied twice: at intake to what can be seen from the URL, and at every delivery attempt to each
address that the name resolves to.
"""

import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Self

from alumniq_pipelines.core.problems.setup import UnusableNetwork

HOST = re.compile(
    r"(?=.{1,253}\.?\Z)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*\.?", re.ASCII | re.IGNORECASE
)
"""A name as resolvers take it: labels of 1 to 63 characters, 253 in all (RFC 1035)."""

DOTS = re.compile("[.\u3002\uff0e\uff61]")
"""What separates the labels of a name; the last three are read as full stops (UTS 46)."""

ENCODED = "xn--"
"""Begins a label that stands for one with other than ASCII letters."""

NEVER_RESOLVED = frozenset({"invalid", "onion", "alt"})
"""Top-level domains that no resolver knows (RFC 6761, 7686, 9476)."""

PRIVATE = frozenset({"local", "localdomain", "internal", "intranet", "lan"})
"""Top-level domains of private networks; none of them is delegated."""

NUMERIC = re.compile(r"[0-9]+|0x[0-9a-f]*")
"""No top-level domain is a number: with one, a name is an address that is none."""

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network

GLOBAL_UNICAST = IPv6Network("2000::/3")
"""All that IANA has assigned to hosts; everything else is refused, also by future Pythons."""

TRANSLATED = IPv6Network("64:ff9b::/96")
"""NAT64: the last four bytes are the IPv4 address that is really reached (RFC 6052)."""

REFUSED = (
    IPv4Network("168.63.129.16/32"),  # Azure's host agent: a public address that leads inside
    IPv4Network("192.0.0.0/24"),  # protocol assignments; a cloud's metadata at .192
    IPv4Network("192.88.99.0/24"),  # 6to4 relays, withdrawn (RFC 7526)
    IPv6Network("2001::/23"),  # protocol assignments: Teredo and the like, no hosts
    IPv6Network("2002::/16"),  # 6to4: an IPv4 address in disguise, withdrawn (RFC 7526)
    IPv6Network("3fff::/20"),  # documentation (RFC 9637)
)
"""Refused although some or all supported Python versions call them global."""


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """The rule of one installation; `allowed` are networks that are not public but trusted."""

    allowed: tuple[IPNetwork, ...] = ()

    @classmethod
    def of(cls, networks: Sequence[str]) -> Self:
        """Read networks in CIDR form; raises UnusableNetwork."""
        return cls(tuple(_network(name) for name in networks))

    def permits(self, address: IPAddress) -> bool:
        """Whether a connection to the address may be made."""
        reached = _reached(address)
        if any(reached in network for network in self.allowed):
            return True
        return (
            reached.is_global
            and not reached.is_multicast
            and (isinstance(reached, IPv4Address) or reached in GLOBAL_UNICAST)
            and not any(reached in network for network in REFUSED)
        )

    def refuses_host(self, host: str) -> bool:
        """Whether the host of a URL is refused without asking a resolver.

        True for literal addresses that are not permitted, in every numeric spelling, and for names
        of this machine. False says only that the resolver has to be asked.
        """
        name = host.rstrip(".").lower()
        if name == "localhost" or name.endswith(".localhost"):
            return not self.permits(IPv4Address("127.0.0.1"))
        literal = literal_address(name)
        return literal is not None and not self.permits(literal)


def literal_address(host: str) -> IPAddress | None:
    """Read a host that is an address, also as resolvers do: `127.1`, `0x7f000001`, `[::1]`."""
    bare = host.removeprefix("[").removesuffix("]")
    try:
        return ip_address(bare)
    except ValueError:
        pass
    if any(character.isspace() for character in bare):
        return None  # inet_aton reads an address up to the first space
    try:
        return IPv4Address(socket.inet_aton(bare))
    except (OSError, ValueError):
        return None


def ascii_host(host: str) -> str | None:
    """Return the form in which a host's name is looked up and called; None where it has none.

    Python's own resolver encodes names by another, older standard, and raises UnicodeError for
    labels that are empty or too long: names are passed on to it in this form.
    """
    if not host.isascii():
        import idna  # noqa: PLC0415 - 10 ms, for the few names that need it

        try:
            host = idna.encode(host.lower()).decode("ascii")
        except UnicodeError:  # IDNAError is one; another for what cannot be encoded
            return None
    return host if HOST.fullmatch(host) else None


def host_error(host: str) -> str | None:
    """Return why no resolver can know a host's name, as a clause; None if one may. Asks none."""
    if "" in DOTS.split(host)[:-1]:
        return "names a host with an empty part: a dot at the beginning, or two in a row"
    name = ascii_host(host)
    if name is None:
        return (
            "names a host by characters that no host name has, such as full-width letters, or by a "
            "name that is too long"
        )
    labels = name.removesuffix(".").lower().split(".")
    if labels[-1] in NEVER_RESOLVED or NUMERIC.fullmatch(labels[-1]):
        return "names a host that does not exist"
    # A hyphen at the end is left to the resolver: RFC 952 forbids it, but some sites have one.
    if any(label.startswith("-") for label in labels):
        return "names a host that cannot exist: a part of it begins with a hyphen"
    for label in labels:
        if label.startswith(ENCODED) and not _decodes(label.removeprefix(ENCODED)):
            return f"names a host that cannot exist: {ENCODED} begins no encoded name there"
    return None


def is_private_name(host: str) -> bool:
    """Whether a host's name can be known in a private network only."""
    labels = host.rstrip(".").lower().split(".")
    is_single = len(labels) == 1 and literal_address(host) is None
    return is_single or labels[-1] in PRIVATE or labels[-2:] == ["home", "arpa"]


def _decodes(label: str) -> bool:
    try:
        return bool(label.encode().decode("punycode"))
    except ValueError:
        return False


def _network(name: str) -> IPNetwork:
    try:
        return ip_network(name.strip())
    except ValueError:
        raise UnusableNetwork(name) from None


def _reached(address: IPAddress) -> IPAddress:
    """Return the IPv4 address that an IPv6 address wraps, or the address itself."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in TRANSLATED:
            return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address
