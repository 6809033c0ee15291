"""Asks a running service how it is, over loopback or over web's UNIX socket."""

import http.client
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from csc_server.cli.findings import Finding, Status, group
from csc_server.errors import MalformedInputError
from csc_server.wire import parse_object

TIMEOUT = 5.0
_MAX_ANSWER = 65_536


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a UNIX socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=TIMEOUT)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket instead of a TCP port."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(TIMEOUT)
        self.sock.connect(self._path)


@dataclass(frozen=True)
class Place:
    """Where a service listens (`WebSettings.listen`) and which host it is asked for."""

    listen: str
    base_url: str

    def get(self, path: str) -> tuple[int, bytes]:
        """Return status and body of a GET; OSError or HTTPException when nobody answers."""
        connection = self._connection()
        try:
            connection.request("GET", path, headers={"Host": urlsplit(self.base_url).netloc})
            answer = connection.getresponse()
            return answer.status, answer.read(_MAX_ANSWER)
        finally:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        kind, _, place = self.listen.rpartition(":")
        if kind == "unix":
            return UnixConnection(place)
        return http.client.HTTPConnection(kind, int(place), timeout=TIMEOUT)


def check_service(place: Place, start: str) -> Finding:
    """Return what `/livez` and `/readyz` say; a service that is not running is a warning.

    Args:
        place: where it listens.
        start: the command that starts it.
    """
    try:
        live, _ = place.get("/livez")
        ready, body = place.get("/readyz")
    except (OSError, http.client.HTTPException, ValueError):
        return group(
            "service", [Finding("running", Status.WARN, f"nobody answers at {place.listen}", f"Run `{start}`.")]
        )
    is_ok = live == http.client.OK
    running = Finding("running", Status.OK if is_ok else Status.FAIL, f"/livez answers {live}")
    return group("service", [running, *_parts(ready, body)])


def _parts(status: int, body: bytes) -> Iterator[Finding]:
    try:
        answer = parse_object(body)
    except MalformedInputError:
        yield Finding("ready", Status.FAIL, f"/readyz answers {status} without JSON", "Look at web's log.")
        return
    for name, state in answer.items():
        if name == "status":
            continue
        yield Finding(name, Status.OK if state == "ok" else Status.FAIL, str(state), f"Look at the log: {name} is bad.")
