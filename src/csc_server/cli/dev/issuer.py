"""The test CA as an issuer of certificates for credentials/create: a process of its own behind a UNIX socket.

`python -m csc_server.cli.dev.issuer`, with its settings as JSON on standard input. It issues whatever is asked with a
valid proof of possession, and notes what is to be revoked in a file, since nobody asks for revocation here.
"""

import json
import os
import signal
import socketserver
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from csc_server.cli.dev.certificates import DevelopmentAuthority, load_authority
from csc_server.cli.dev.http_server import PostHandler
from csc_server.cli.process import end_with_parent
from csc_server.settings import Part

PART = "csc_server.cli.dev.issuer"
POLICY = "1.3.6.1.4.1.55738.666.1"
"""A policy to ask for; the arc is an example's."""
MAX_BODY = 65_536
SECONDS = 10


class IssuerPart(Part):
    """What the process is told: the folder of the CA, and where to listen."""

    authority: Path
    socket: Path


def main() -> None:
    """Serve until SIGTERM."""
    end_with_parent()
    os.umask(0o077)
    part = IssuerPart.model_validate_json(sys.stdin.buffer.read())
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    part.socket.unlink(missing_ok=True)
    with _Server(part) as server:
        server.serve_forever()


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True

    def __init__(self, part: IssuerPart) -> None:
        super().__init__(str(part.socket), _Connection)
        self.authority: DevelopmentAuthority = load_authority(part.authority)
        self.revoked = part.authority / "revoked.jsonl"


class _Connection(PostHandler):
    server: _Server
    timeout = SECONDS

    def post(self) -> None:
        """Issue a certificate, or note one as revoked."""
        body = self.read_body(MAX_BODY)
        url = urlsplit(self.path)
        members = {name: values[0] for name, values in parse_qs(url.query).items()}
        try:
            if url.path == "/issue":
                chain = self._issue(x509.load_der_x509_csr(body), members.get("policy", ""))
                self.answer(200, "application/pem-certificate-chain", chain)
            elif url.path == "/revoke":
                self._revoke(x509.load_der_x509_certificate(body), int(members["reason"]))
                self.answer(204)
            else:
                self.answer(404)
        except (ValueError, KeyError):
            self.answer(400)

    def address_string(self) -> str:
        """Say who asks: a UNIX socket knows no address."""
        return "local"

    def _issue(self, request: x509.CertificateSigningRequest, policy: str) -> bytes:
        if not request.is_signature_valid:
            raise ValueError("no proof of possession")
        key = request.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        chain = self.server.authority.certify(key, request.subject, policy)
        return b"".join(x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM) for der in chain)

    def _revoke(self, certificate: x509.Certificate, reason: int) -> None:
        with self.server.revoked.open("a", encoding="ascii") as file:
            file.write(json.dumps({"serial": f"{certificate.serial_number:X}", "reason": reason}) + "\n")


if __name__ == "__main__":
    main()
