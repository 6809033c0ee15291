"""An authorization request that its page's address carries, so that a stranger's GET stores nothing.

The address holds what the browser brought anyway. It proves nothing and hides nothing: whoever opens the page has the
request checked again from the start. What becomes of it in a browser is stored once a signer has logged in there,
under an id made of the address and the browser's own secret.
"""

import hashlib
import hmac
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from csc_server.errors import MalformedInputError
from csc_server.web.authorization.faces import Face
from csc_server.web.authorization.parameters import malformed, read_query
from csc_server.web.authorization.secret_values import new_secret
from csc_server.wire import decode_base64url, encode_base64url

MAX_ADDRESS = 12_288
"""Characters: proxies and servers take 16 KiB of headers. A longer request can be pushed."""

MAX_QUERY = 65_536
"""Octets of a request after it was decompressed."""

_ADDRESS = re.compile(r"(v1|v2|rfc)\.([A-Za-z0-9_-]{43})\.([A-Za-z0-9_-]+)")


@dataclass(frozen=True)
class CarriedRequest:
    """The face that was asked, and the parameters as they came."""

    face: Face
    parameters: Mapping[str, str]


def carry(face: Face, parameters: Mapping[str, str]) -> str:
    """Return the last part of a page's address; each is another one, since a request may be made twice.

    Raises:
        ProblemError: the request is too long for an address.
    """
    packed = encode_base64url(zlib.compress(urlencode(parameters).encode("ascii"), 9))
    address = f"{face.value}.{new_secret()}.{packed}"
    if len(address) > MAX_ADDRESS:
        raise malformed()
    return address


def read_carried(address: str) -> CarriedRequest:
    """Return the request of an address.

    Raises:
        ProblemError: it is none that `carry` could have made.
    """
    match = _ADDRESS.fullmatch(address) if len(address) <= MAX_ADDRESS else None
    if match is None:
        raise malformed()
    return CarriedRequest(Face(match[1]), read_query(_inflated(match[3])))


def _inflated(text: str) -> bytes:
    inflater = zlib.decompressobj()
    try:
        query = inflater.decompress(decode_base64url(text), MAX_QUERY)
    except (MalformedInputError, zlib.error) as error:
        raise malformed() from error
    if not inflater.eof or inflater.unused_data:
        raise malformed()
    return query


def is_carried(address: str) -> bool:
    """Tell a carried request from the id of a stored one, which has no dot."""
    return "." in address


def stored_under(address: str, browser_secret: str) -> str:
    """Return the id of what becomes of a carried request in one browser, 43 characters; nobody else can name it."""
    return encode_base64url(hmac.digest(browser_secret.encode(), address.encode(), hashlib.sha256))
