"""Which addresses the service may call by itself (IN-20): pure rules on URLs and on IP addresses.

A URL is compared with the operator's list as text, so only texts that every reader takes alike are URLs
here: no user name, no fragment, no backslash, no number that some resolvers take for an IPv4 address.
"""

import ipaddress
import re
from dataclasses import dataclass
from typing import Self

from csc_server.errors import MalformedInputError

MAX_URL = 2048
"""Characters."""
DEFAULT_PORTS = {"https": 443, "http": 80}

_URL = re.compile(
    r"(https?)://(\[[0-9a-fA-F:.]{2,45}\]|[A-Za-z0-9.-]{1,253})(?::([1-9][0-9]{0,4}))?"
    r"((?:/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*)?(?:\?[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*)?)"
)
"""RFC 3986, 3: http and https, a host, a port, path and query; nothing else, so no zone and no fragment either."""
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_MAX_PORT = 65_535

_UNICAST_6 = ipaddress.IPv6Network("2000::/3")
"""The only global unicast addresses that are assigned (IANA, IPv6 address space)."""
_NOT_PUBLIC = tuple(
    ipaddress.ip_network(network)
    for network in (
        "192.0.0.0/24",  # protocol assignments, RFC 6890
        "192.31.196.0/24",  # sinks for name servers, RFC 7535
        "192.52.193.0/24",  # multicast tunnels, RFC 7450
        "192.88.99.0/24",  # relays of 6to4, RFC 7526
        "192.175.48.0/24",  # sinks for name servers, RFC 7534
        "2001::/23",  # protocol assignments, Teredo (RFC 4380) among them
        "2001:db8::/32",  # documentation, RFC 3849
        "2002::/16",  # 6to4 carries an IPv4 address, RFC 3056
        "2620:4f:8000::/48",  # sinks for name servers, RFC 7534
        "3fff::/20",  # documentation, RFC 9637
    )
)
"""Special networks (IANA, special-purpose registries) that Python's own lists leave out, in part or in some release."""


@dataclass(frozen=True)
class Target:
    """A URL that may be compared: `host` in lower case, an IPv6 literal without brackets; `path` with its query."""

    scheme: str
    host: str
    port: int
    path: str

    @classmethod
    def read(cls, url: str) -> Self:
        """Return the parts of a URL, else raise MalformedInputError."""
        match = _URL.fullmatch(url) if len(url) <= MAX_URL else None
        if match is None:
            raise MalformedInputError("not a URL that may be called")
        scheme, host, port, path = match.groups()
        number = int(port) if port else DEFAULT_PORTS[scheme]
        if number > _MAX_PORT:
            raise MalformedInputError("not a port")
        return cls(scheme, read_host(host), number, path if path.startswith("/") else f"/{path}")

    @property
    def authority(self) -> str:
        """The value of the Host header (RFC 9110, 7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether the host is a loopback address, written as one."""
        address = literal(self.host)
        return address is not None and address.is_loopback


def read_host(text: str) -> str:
    """Return a host name or an address in its one form, else raise MalformedInputError."""
    host = text.lower()
    if host.startswith("["):
        address = literal(host[1:-1])
        if not isinstance(address, ipaddress.IPv6Address):
            raise MalformedInputError("not an address")
        return str(address)
    labels = host.split(".")
    if not all(_LABEL.fullmatch(label) for label in labels):
        raise MalformedInputError("not a host name")
    if _NUMBER.fullmatch(labels[-1]) and literal(host) is None:
        raise MalformedInputError("a number that is no IPv4 address in its usual form")
    return host


def literal(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the address that a text is in its usual form, else None; an address with a zone is none."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return None if getattr(address, "scope_id", None) else address


def is_public(text: str) -> bool:
    """Whether an address, as a resolver gave it, belongs to the public network.

    Loopback, private, link-local, multicast, reserved and unspecified addresses do not, nor does one that
    carries an IPv4 address inside (mapped, 6to4, Teredo, NAT64).
    """
    address = literal(text)
    if address is None or address.is_multicast or address.is_reserved or not address.is_global:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address not in _UNICAST_6:
        return False
    return not any(address in network for network in _NOT_PUBLIC if network.version == address.version)
