"""Registered clients as Authlib sees them, and the comparison of redirect URIs and secrets.

RFC 6749, 2 and 3.1.2; RFC 8252, 7.3; OA-04, OA-16.
"""

import hashlib
import hmac
import re
import secrets

from authlib.oauth2.rfc6749 import ClientMixin

from csc_server.storage.ports.web import ClientRow
from csc_server.values import ClientProfile

PRIVATE_KEY_JWT = "private_key_jwt"
TLS_CLIENT_AUTH = "tls_client_auth"
SELF_SIGNED_TLS = "self_signed_tls_client_auth"
KEY_METHODS = frozenset({PRIVATE_KEY_JWT, TLS_CLIENT_AUTH, SELF_SIGNED_TLS})
"""Methods of a client that holds a key and shares no secret (OpenID Connect Core 1.0, 9; RFC 8705, 2)."""

SALT_BYTES = 16
MAX_PORT = 65_535

_LOOPBACK = re.compile(r"http://(?P<host>127\.0\.0\.1|\[::1\])(?::(?P<port>[0-9]{1,5}))?(?P<rest>/[!-\[\]-~]*)?")
"""Address literals only, since `localhost` may resolve elsewhere (RFC 8252, 8.3); no user part, no backslash."""


def salted_secret(secret: str) -> tuple[bytes, bytes]:
    """Return (salt, SHA-256(salt || secret)) for a client secret of 256 bits (OA-16)."""
    salt = secrets.token_bytes(SALT_BYTES)
    return salt, _digest(salt, secret)


def _digest(salt: bytes, secret: str) -> bytes:
    return hashlib.sha256(salt + secret.encode("utf-8", "surrogatepass")).digest()


class RegisteredClient(ClientMixin):  # type: ignore[misc]  # Authlib publishes no types
    """A client row with the questions Authlib's grants ask."""

    def __init__(self, row: ClientRow) -> None:
        self.row = row

    @property
    def is_public(self) -> bool:
        return not self.row.secret_hash and KEY_METHODS.isdisjoint(self.row.auth_methods)

    @property
    def may_omit_pkce(self) -> bool:
        """Only confidential csc1 clients may (decision 4; interoperability rule O5)."""
        return self.row.profile is ClientProfile.CSC1 and not self.is_public

    def get_client_id(self) -> str:
        return self.row.client_id

    def get_default_redirect_uri(self) -> str:
        """Return the URI used when a request names none: a csc1 client with exactly one (CSC 1.0.4.0, 8.3.2).

        Every other client names it, as OA-04 demands.
        """
        only_one = self.row.profile is ClientProfile.CSC1 and len(self.row.redirect_uris) == 1
        return self.row.redirect_uris[0] if only_one else ""

    def get_allowed_scope(self, scope: str) -> str | None:
        """Return the scope if it is permitted; never a reduced one (OA-18)."""
        return scope if scope in self.row.scopes else None

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return any(_same_redirect(registered, redirect_uri, self.is_public) for registered in self.row.redirect_uris)

    def check_client_secret(self, client_secret: str) -> bool:
        """Compare in constant time; a client without a secret never matches but costs the same (OA-16, IN-11)."""
        matches = hmac.compare_digest(_digest(self.row.secret_salt, client_secret), self.row.secret_hash)
        return matches and not self.is_public

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:  # noqa: ARG002 Authlib's signature
        return method in self.row.auth_methods

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code" and self.check_grant_type("authorization_code")

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in self.row.grant_types


def _same_redirect(registered: str, requested: str, native: bool) -> bool:
    """Exact string comparison; the port may differ for a loopback literal of a native client (RFC 8252, 7.3)."""
    if registered == requested:
        return True
    known, asked = _LOOPBACK.fullmatch(registered), _LOOPBACK.fullmatch(requested)
    if not native or known is None or asked is None:
        return False
    return known["host"] == asked["host"] and known["rest"] == asked["rest"] and _is_port(asked["port"])


def _is_port(text: str | None) -> bool:
    return text is None or 0 < int(text) <= MAX_PORT
