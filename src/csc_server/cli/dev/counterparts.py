"""The foreign services that a development server talks to: a time-stamping authority, and a client's callback.

Both answer at one HTTPS port of loopback with a certificate of the test CA, from a thread of this process.
"""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

from csc_server.cli.dev.certificates import load_authority
from csc_server.cli.dev.folder import DataFolder
from csc_server.cli.dev.http_server import PostHandler
from csc_server.cli.dev.timestamps import StampingKey, answer
from csc_server.cli.dev.tls import write_server_certificate
from csc_server.cli.listening import LOOPBACK

QUERY = "application/timestamp-query"
REPLY = "application/timestamp-reply"
"""RFC 3161, 3.4."""
TIMESTAMP, CALLBACK = "/timestamp", "/callback"
MAX_BODY = 4096
SECONDS = 5


@dataclass(frozen=True)
class Counterparts:
    """Where they answer."""

    port: int

    @property
    def timestamp_url(self) -> str:
        return f"https://{LOOPBACK}:{self.port}{TIMESTAMP}"

    @property
    def response_uri(self) -> str:
        """What a client may name as `response_uri`; what comes there is written to a log."""
        return f"https://{LOOPBACK}:{self.port}{CALLBACK}"


@contextmanager
def counterparts(folder: DataFolder) -> Iterator[Counterparts]:
    """Run both with keys of this run."""
    authority = load_authority(folder.authority)
    write_server_certificate(authority, folder.counterparts, LOOPBACK)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder.counterparts / "server.pem", folder.counterparts / "server.key")
    server = _Server(context, StampingKey.make(authority), folder.logs / "callback.log")
    threading.Thread(target=server.serve_forever, name="counterparts", daemon=True).start()
    try:
        yield Counterparts(server.server_port)
    finally:
        server.shutdown()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, context: ssl.SSLContext, signer: StampingKey, log: Path) -> None:
        super().__init__((LOOPBACK, 0), _Connection)
        self._context = context
        self.signer = signer
        self.log = log

    def finish_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 the types are socketserver's
        """Shake hands in the connection's own thread."""
        request.settimeout(SECONDS)
        with self._context.wrap_socket(request, server_side=True) as connection:
            super().finish_request(connection, client_address)

    def handle_error(self, *_: object) -> None:
        """Say nothing of connections that broke."""


class _Connection(PostHandler):
    server: _Server
    timeout = SECONDS

    def post(self) -> None:
        """Answer a query for a time stamp, or take a notification."""
        body = self.read_body(MAX_BODY)
        media_type = self.headers.get("Content-Type")
        if body and (self.path, media_type) == (TIMESTAMP, QUERY):
            self.answer(200, REPLY, answer(body, self.server.signer))
        elif body and (self.path, media_type) == (CALLBACK, "application/json"):
            with self.server.log.open("ab") as log:
                log.write(body + b"\n")
            self.answer(204)
        else:
            self.answer(400)
