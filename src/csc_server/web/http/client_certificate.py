"""The certificate that a peer proved to hold in its TLS handshake, as the proxy passes it on (RFC 9440; AU-08).

nginx has no name for RFC 9440's `Client-Cert`, so the header is our own: the certificate in PEM, percent-encoded,
and beside it what its check of the path said. Both are believed on the proxy's UNIX socket alone; the proxy
overwrites them in every request.
"""

import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote

from cryptography import x509
from flask import current_app, request

from csc_server.errors import MalformedInputError
from csc_server.policy.certificates import UNREADABLE
from csc_server.web.http.peer import PROXY_TRUSTED
from csc_server.web.http.problems import invalid_request
from csc_server.wire import decode_base64, encode_base64url

CERTIFICATE = "HTTP_X_CLIENT_CERTIFICATE"
VERDICT = "HTTP_X_CLIENT_VERIFY"
VERIFIED = "SUCCESS"
"""nginx, ngx_http_ssl_module, `$ssl_client_verify`: the path leads to an authority of `ssl_client_certificate`."""

MAX_HEADER = 16_384
"""Characters of a certificate in PEM, percent-encoded."""
MAX_REMEMBERED = 256
"""Certificates that a process has read and keeps."""

_HEADER = re.compile(r"[A-Za-z0-9%._~-]+")
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----\n([A-Za-z0-9+/=\n]+)\n-----END CERTIFICATE-----\n?")


@dataclass(frozen=True)
class ClientCertificate:
    """A certificate whose key the peer holds. `is_verified` says that it comes from a configured authority."""

    der: bytes
    parsed: x509.Certificate
    is_verified: bool

    @property
    def thumbprint(self) -> str:
        """The `x5t#S256` of RFC 8705, 3.1: SHA-256 of the DER in base64url."""
        return encode_base64url(hashlib.sha256(self.der).digest())


def client_certificate() -> ClientCertificate | None:
    """Return the peer's certificate, None without one or without a proxy to believe; only inside a request.

    Raises:
        ProblemError: 400: what the proxy sent is no certificate.
    """
    environ = request.environ
    header: str = environ.get(CERTIFICATE, "")
    if not header or not current_app.config.get(PROXY_TRUSTED):
        return None
    try:
        der, parsed = _read(header)
    except MalformedInputError as error:
        raise invalid_request() from error
    return ClientCertificate(der, parsed, environ.get(VERDICT) == VERIFIED)


@lru_cache(maxsize=MAX_REMEMBERED)
def _read(header: str) -> tuple[bytes, x509.Certificate]:
    """Read a header once for the many requests of a connection."""
    text = unquote(header) if len(header) <= MAX_HEADER and _HEADER.fullmatch(header) else ""
    match = _PEM.fullmatch(text)
    if match is None:
        raise MalformedInputError("not a certificate")
    der = decode_base64(match[1].replace("\n", ""))
    try:
        return der, x509.load_der_x509_certificate(der)
    except UNREADABLE as error:
        raise MalformedInputError("not a certificate") from error
