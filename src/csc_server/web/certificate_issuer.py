"""Where certificates for new keys come from: the port, and its adapter over a UNIX socket of this machine.

What stands behind the socket is the operator's: a small program that speaks to the certification authority in the
authority's own way. It gets `POST /issue` with the request (application/pkcs10, RFC 5967), perhaps with
`?policy=OID`, and answers the chain (application/pem-certificate-chain, RFC 8555, 9.1), end entity first; and
`POST /revoke?reason=NUMBER` with the certificate (application/pkix-cert), and answers 204.
"""

import http.client
import socket
from pathlib import Path
from typing import Protocol
from urllib.parse import urlencode

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from csc_server.errors import UnavailableError
from csc_server.policy.certificates import UNREADABLE

ISSUER_SECONDS = 10.0
"""An authority that decides by hand is no issuer for a request that waits."""
MAX_CHAIN = 65_536
"""Octets of an answer that are read."""
RETRY_AFTER = 30
"""Seconds."""


class CertificateIssuer(Protocol):
    """Issues and revokes certificates; UnavailableError when it does not, for whatever reason."""

    def reach(self) -> None:
        """See whether somebody listens there; nothing is asked."""

    def issue(self, request: bytes, policy: str) -> tuple[bytes, ...]:
        """Return the chain (DER, end entity first) for a PKCS#10 request (DER), under a policy unless it is ""."""

    def revoke(self, certificate: bytes, reason: int) -> None:
        """Revoke a certificate (DER) for a reason of RFC 5280, 5.3.1."""


class SocketIssuer:
    """CertificateIssuer over a UNIX socket; its folder decides who may listen there."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def reach(self) -> None:
        connection = _UnixConnection(self._path)
        try:
            connection.connect()
        except OSError as error:
            raise _away("nobody listens at the issuer's socket") from error
        finally:
            connection.close()

    def issue(self, request: bytes, policy: str) -> tuple[bytes, ...]:
        path = f"/issue?{urlencode({'policy': policy})}" if policy else "/issue"
        body = self._post(path, request, "application/pkcs10", http.client.OK)
        try:
            chain = x509.load_pem_x509_certificates(body)
        except UNREADABLE as error:
            raise _away("the issuer answered no certificate") from error
        return tuple(each.public_bytes(Encoding.DER) for each in chain)

    def revoke(self, certificate: bytes, reason: int) -> None:
        self._post(f"/revoke?reason={reason}", certificate, "application/pkix-cert", http.client.NO_CONTENT)

    def _post(self, path: str, body: bytes, media_type: str, expected: int) -> bytes:
        connection = _UnixConnection(self._path)
        try:
            connection.request("POST", path, body, {"Content-Type": media_type})
            answer = connection.getresponse()
            content = answer.read(MAX_CHAIN)
        except (OSError, http.client.HTTPException) as error:
            raise _away("the issuer does not answer") from error
        finally:
            connection.close()
        if answer.status != expected:
            raise _away("the issuer refused")
        return content


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=ISSUER_SECONDS)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket instead of a TCP port."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(ISSUER_SECONDS)
        self.sock.connect(str(self._path))


def _away(message: str) -> UnavailableError:
    return UnavailableError("issuer", message, retry_after=RETRY_AFTER)
