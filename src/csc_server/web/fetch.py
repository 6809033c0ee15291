"""The one way out: every request that web makes by itself goes through `Fetcher` (IN-20).

An address is called only if the operator listed it for the purpose. Its name is resolved once, every answer
of the resolver must be public, and the connection goes to the address that was checked, so that a name that
changes its mind in between leads nowhere. No redirects, no proxies, no cookies, no credentials.
"""

import contextlib
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import structlog

from csc_server.errors import ConfigurationError, CscServerError, MalformedInputError
from csc_server.policy.outgoing import Target, is_public, literal, read_host
from csc_server.settings import OutgoingHost, WebSettings
from csc_server.values import FetchPurpose
from csc_server.web.name_resolution import SystemResolver
from csc_server.web.outgoing_connection import Deadline, LimitedReader, send_all

CONNECT_SECONDS = 3.0
TOTAL_SECONDS = 5.0
"""IN-20: to a connection that can be used, name and TLS included; and to the end of the answer."""

MAX_HEADER_BYTES = 16_384
MAX_ADDRESSES = 4
"""Addresses of one name that are tried, within the same time."""
MAX_AT_ONCE = 4
"""Requests of one purpose that a process has under way: a peer that is slow must not take every thread."""

_log = structlog.get_logger("csc_server.web.fetch")

Resolve = Callable[[str, int], Sequence[str]]
"""The addresses of a host name, as texts; raises OSError when there are none."""
Connect = Callable[[tuple[str, int], float], socket.socket]
"""A connection to an address and port within some seconds; raises OSError."""


class Fault(StrEnum):
    """Why nothing was fetched."""

    URL = "url"
    NOT_ALLOWED = "not_allowed"
    ADDRESS = "address"
    UNREACHABLE = "unreachable"
    BUSY = "busy"
    TOO_SLOW = "too_slow"
    TOO_LARGE = "too_large"
    MALFORMED = "malformed"
    STATUS = "status"
    MEDIA_TYPE = "media_type"


class FetchError(CscServerError):
    """Nothing was fetched; `fault` says why and names no part of the answer."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(f"The request was not made or has failed: {fault.value}")
        self.fault = fault


@dataclass(frozen=True)
class Expected:
    """What an answer must be; without media types its body is not read.

    Args:
        statuses: HTTP status codes; a redirect is never among them.
        media_types: in lower case, without parameters.
        max_bytes: of the body.
    """

    statuses: frozenset[int] = frozenset({200})
    media_types: frozenset[str] = frozenset()
    max_bytes: int = 0


@dataclass(frozen=True)
class Content:
    """A body to send, and its media type."""

    media_type: str
    body: bytes


class Fetcher:
    """Makes requests to listed addresses; safe to share between threads.

    Args:
        allowed: the operator's list.
        is_test: whether a loopback address may stand in the list.
        trust: PEM of the roots for TLS, the system's when None.
        resolve: names to addresses; the system's resolver when None.
        connect: to an address that was checked.

    Raises:
        ConfigurationError: an entry of the list that is none.
    """

    def __init__(
        self,
        allowed: Sequence[OutgoingHost],
        *,
        is_test: bool = False,
        trust: Path | None = None,
        resolve: Resolve | None = None,
        connect: Connect = socket.create_connection,
    ) -> None:
        faults = list_faults(allowed, is_test=is_test)
        if faults:
            raise ConfigurationError(faults)
        self._allowed = {(entry.purpose, entry.scheme, _host(entry), entry.port) for entry in allowed}
        self._trust = trust
        self._resolve = resolve or SystemResolver(CONNECT_SECONDS)
        self._open = connect
        self._places = {purpose: threading.BoundedSemaphore(MAX_AT_ONCE) for purpose in FetchPurpose}
        self._context: ssl.SSLContext | None = None

    def permits(self, purpose: FetchPurpose, url: str) -> bool:
        """Whether a URL may be called for a purpose; nothing is resolved yet."""
        try:
            self._target(purpose, url)
        except FetchError:
            return False
        return True

    def get(self, purpose: FetchPurpose, url: str, expected: Expected) -> bytes:
        """Return the body of a document, else raise FetchError."""
        return self._fetch(purpose, url, None, expected)

    def post(self, purpose: FetchPurpose, url: str, content: Content, expected: Expected) -> bytes:
        """Send a body and return that of the answer, else raise FetchError."""
        return self._fetch(purpose, url, content, expected)

    def _fetch(self, purpose: FetchPurpose, url: str, content: Content | None, expected: Expected) -> bytes:
        started = time.monotonic()
        target: Target | None = None
        outcome = "success"
        try:
            target = self._target(purpose, url)
            with self._place(purpose), contextlib.closing(self._connect(target, started)) as connection:
                end = Deadline(started + TOTAL_SECONDS)
                send_all(connection, _request(target, content), end)
                return _answer(connection, end, "POST" if content else "GET", expected)
        except FetchError as error:
            outcome = error.fault.value
            raise
        except OSError as error:  # ssl.SSLError and TimeoutError are among them
            fault = Fault.TOO_SLOW if isinstance(error, TimeoutError) else Fault.UNREACHABLE
            outcome = fault.value
            raise FetchError(fault) from error
        finally:
            _log.info(
                "outgoing",
                purpose=purpose.value,
                host=target.host if target else "",
                outcome=outcome,
                milliseconds=round((time.monotonic() - started) * 1000),
            )

    @contextlib.contextmanager
    def _place(self, purpose: FetchPurpose) -> Iterator[None]:
        if not self._places[purpose].acquire(blocking=False):
            raise FetchError(Fault.BUSY)
        try:
            yield
        finally:
            self._places[purpose].release()

    def _target(self, purpose: FetchPurpose, url: str) -> Target:
        try:
            target = Target.read(url)
        except MalformedInputError as error:
            raise FetchError(Fault.URL) from error
        if (purpose, target.scheme, target.host, target.port) not in self._allowed:
            raise FetchError(Fault.NOT_ALLOWED)
        return target

    def _connect(self, target: Target, started: float) -> socket.socket:
        """Return a connection to an address that was checked, for https inside TLS of the name that was asked."""
        end = Deadline(started + CONNECT_SECONDS)
        connection = self._reach(self._addresses(target), target.port, end)
        if target.scheme == "http":
            return connection
        try:
            connection.settimeout(end.left())
            return self._tls().wrap_socket(connection, server_hostname=target.host)
        except BaseException:
            connection.close()
            raise

    def _reach(self, addresses: Sequence[str], port: int, end: Deadline) -> socket.socket:
        """Return a connection to the first address that takes one."""
        for address in addresses[:MAX_ADDRESSES]:
            with contextlib.suppress(OSError):
                return self._open((address, port), end.left())
        raise FetchError(Fault.TOO_SLOW if end.is_over() else Fault.UNREACHABLE)

    def _addresses(self, target: Target) -> Sequence[str]:
        """Return all addresses of a host, each of them checked. A listed loopback literal stands for itself."""
        if target.is_loopback:
            return (target.host,)
        addresses = (target.host,) if literal(target.host) else self._resolve(target.host, target.port)
        if not addresses or not all(is_public(address) for address in addresses):
            raise FetchError(Fault.ADDRESS)
        return addresses

    def _tls(self) -> ssl.SSLContext:
        """Return the context, made when it is first needed: reading the system's roots takes a while."""
        if self._context is None:
            context = ssl.create_default_context(cafile=self._trust)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            self._context = context
        return self._context


def make_fetcher(settings: WebSettings) -> Fetcher:
    """Return the fetcher of a process of web; ConfigurationError for settings that allow what the rule forbids."""
    faults = settings_faults(settings)
    if faults:
        raise ConfigurationError(faults)
    return Fetcher(_allowed(settings), is_test=settings.environment == "test", trust=settings.outgoing_trust)


def settings_faults(settings: WebSettings) -> list[str]:
    """Return one sentence for each fault of the settings that name addresses."""
    if settings.outgoing_trust is not None and not settings.outgoing_trust.is_file():
        return ["web.outgoing_trust is no file."]
    try:
        return list_faults(_allowed(settings), is_test=settings.environment == "test")
    except MalformedInputError:
        return ["web.timestamp.url is no URL that may be called."]


def _allowed(settings: WebSettings) -> tuple[OutgoingHost, ...]:
    """Return the operator's list with the addresses that other settings name."""
    if settings.timestamp is None:
        return settings.outgoing
    target = Target.read(settings.timestamp.url)
    host = {"purpose": FetchPurpose.TIMESTAMP, "host": target.host, "port": target.port, "scheme": target.scheme}
    return (*settings.outgoing, OutgoingHost.model_validate(host))


def list_faults(allowed: Collection[OutgoingHost], *, is_test: bool) -> list[str]:
    """Return one sentence for each entry of the operator's list that may not stand there."""
    faults = []
    for entry in allowed:
        name = f"web.outgoing: {entry.scheme}://{entry.host}:{entry.port} for {entry.purpose.value}"
        try:
            host = _host(entry)
        except MalformedInputError:
            faults.append(f"{name}: the host is neither a name nor an address in its usual form.")
            continue
        address = literal(host)
        if address is not None and address.is_loopback:
            if not is_test:
                faults.append(f'{name}: a loopback address needs environment = "test".')
        elif address is not None and not is_public(host):
            faults.append(f"{name}: the address is not public and would never be called.")
        if entry.scheme == "http" and entry.purpose is not FetchPurpose.REVOCATION:
            faults.append(f"{name}: http is for revocation data alone.")
    return faults


def _host(entry: OutgoingHost) -> str:
    return read_host(f"[{entry.host}]" if ":" in entry.host else entry.host)


def _request(target: Target, content: Content | None) -> bytes:
    lines = [
        f"{'POST' if content else 'GET'} {target.path} HTTP/1.1",
        f"Host: {target.authority}",
        "User-Agent: csc-server",
        "Accept: */*",
        "Accept-Encoding: identity",
        "Connection: close",
    ]
    if content is not None:
        lines += [f"Content-Type: {content.media_type}", f"Content-Length: {len(content.body)}"]
    return "\r\n".join([*lines, "", ""]).encode("ascii") + (content.body if content else b"")


def _answer(connection: socket.socket, end: Deadline, method: str, expected: Expected) -> bytes:
    """Read the answer and return its body, checked; an answer that is longer than allowed is not read on."""
    reader = LimitedReader(connection, end, MAX_HEADER_BYTES + 2 * expected.max_bytes)
    response = http.client.HTTPResponse(reader.as_socket(), method=method)
    try:
        response.begin()
        if response.status not in expected.statuses:
            raise FetchError(Fault.STATUS)
        if not expected.media_types:
            return b""
        media_type = (response.getheader("Content-Type") or "").partition(";")[0].strip().lower()
        encoding = (response.getheader("Content-Encoding") or "identity").strip().lower()
        if media_type not in expected.media_types or encoding != "identity":
            raise FetchError(Fault.MEDIA_TYPE)
        body = response.read(expected.max_bytes + 1)
        if len(body) > expected.max_bytes:
            raise FetchError(Fault.TOO_LARGE)
        if response.length:  # it ended before its announced length
            raise FetchError(Fault.MALFORMED)
    except http.client.HTTPException as error:
        raise FetchError(Fault.TOO_LARGE if reader.is_exhausted else Fault.MALFORMED) from error
    except (ValueError, OverflowError) as error:
        raise FetchError(Fault.MALFORMED) from error
    return body
