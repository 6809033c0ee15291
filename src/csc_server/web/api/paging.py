"""Page tokens of credentials/list (CSC 1.0.4.0, 11.4): opaque, authenticated, bound to the caller's token.

The key is derived from the access token, so any web process can check a page token and none keeps a key for
it. All that a caller who knows the derivation could forge is a place in the list that is its own.
"""

import hashlib
import hmac

from csc_server.errors import MalformedInputError
from csc_server.web.http.params import invalid
from csc_server.web.http.problems import invalid_request
from csc_server.wire import decode_base64url, encode_base64url

_MAC_BYTES = 16


def page_token(secret: str, last: str) -> str:
    """Return the token of the page that follows the identifier `last`."""
    data = last.encode()
    return encode_base64url(_mac(secret, data) + data)


def page_after(secret: str, token: str) -> str:
    """Return the identifier that a page follows.

    Raises:
        ProblemError: `Invalid parameter pageToken`, for a changed token or one of another caller.
    """
    try:
        raw = decode_base64url(token)
        mac, data = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
        if not data or not hmac.compare_digest(mac, _mac(secret, data)):
            raise invalid_request(invalid("pageToken"))
        return data.decode()
    except (MalformedInputError, UnicodeDecodeError) as error:
        raise invalid_request(invalid("pageToken")) from error


def _mac(secret: str, data: bytes) -> bytes:
    key = hashlib.sha256(b"csc-server page token\0" + secret.encode()).digest()
    return hmac.new(key, data, hashlib.sha256).digest()[:_MAC_BYTES]
