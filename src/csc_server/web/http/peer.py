"""Who is at the other end: the peer's address, cut for the audit, and the request's id."""

import ipaddress
import re
import secrets
from functools import lru_cache

from flask import current_app, request

PROXY_TRUSTED = "CSC_PROXY_TRUSTED"
"""Flask setting: true when the listener is a UNIX socket, which only the configured proxy can open (IN-09)."""

_KNOWN_ID = "csc_server.request_id"
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")


def request_id() -> str:
    """Return the id of this request: the caller's `X-Request-ID` where it fits the pattern, else one of ours."""
    environ = request.environ
    known: str | None = environ.get(_KNOWN_ID)
    if known is None:
        offered = environ.get("HTTP_X_REQUEST_ID", "")
        known = environ[_KNOWN_ID] = offered if _REQUEST_ID.fullmatch(offered) else secrets.token_hex(8)
    return known


def address_block() -> str:
    """Return the peer's network, /24 or /56: what logs and audit may keep of an address (decision 14)."""
    return _block(peer_address())


def peer_address() -> str:
    """Return the peer's address as it came, whatever it is: never logged, never stored."""
    environ = request.environ
    if current_app.config.get(PROXY_TRUSTED):
        forwarded: str = environ.get("HTTP_X_FORWARDED_FOR", "")
        return forwarded.rpartition(",")[2].strip()
    address: str = environ.get("REMOTE_ADDR", "")
    return address


@lru_cache(maxsize=4096)
def _block(address: str) -> str:
    if len(address) > len("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255"):
        return ""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return ""
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is None:
            return str(ipaddress.IPv6Network((int(parsed), 56), strict=False))
        parsed = parsed.ipv4_mapped
    return str(ipaddress.IPv4Network((int(parsed), 24), strict=False))
