"""A thousand connections that send nothing, or next to nothing, and the requests of everybody else (RL-09, AR-09)."""

import contextlib
import os
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from urllib.parse import urlsplit

import pytest
import requests

from integration.csc_client import CscClient
from integration.service import Seed, Service
from slow_clients import HEAD, is_closed

ATTACKERS = int(os.environ.get("CSC_LOAD_ATTACKERS", "1000"))
ADDRESSES = [f"127.0.0.{number}" for number in range(2, 8)]
"""Addresses of loopback: one alone may not hold more than 256 requests at once."""
HONEST = 4
SECONDS = 15.0
SLOWEST = 0.5
"""Seconds, for 99 of 100 requests of others."""
PART_TIMEOUT = 5.0
LATE = 5.0

BEGINNINGS = {
    "silent": b"",
    "headers": HEAD + b"X-Slow: ",
    "body": HEAD + b"Content-Length: 1000000\r\n\r\n",
}


class Attack:
    """Connections that stay open as long as they can; two kinds send a byte a second."""

    def __init__(self, seed: Seed) -> None:
        self._seed = seed
        self._parts = urlsplit(seed.base_url)
        self._tls = ssl.create_default_context(cafile=seed.trust_root)
        self._over = threading.Event()
        self.connections: list[tuple[str, ssl.SSLSocket]] = []

    def __enter__(self) -> "Attack":  # noqa: PYI034 nobody inherits from it
        kinds = cycle(BEGINNINGS)
        with ThreadPoolExecutor(8) as pool:
            for each in pool.map(self._connect, [next(kinds) for _ in range(ATTACKERS)], cycle(ADDRESSES)):
                self.connections.append(each)
        self._thread = threading.Thread(target=self._drip)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        for _, connection in self.connections:
            connection.close()

    def _connect(self, kind: str, address: str) -> tuple[str, ssl.SSLSocket]:
        host, port = str(self._parts.hostname), int(self._parts.port or 0)
        plain = socket.create_connection((host, port), timeout=30, source_address=(address, 0))
        connection = self._tls.wrap_socket(plain, server_hostname=host)
        beginning = BEGINNINGS[kind]
        connection.sendall(beginning % self._parts.netloc.encode() if beginning else b"")
        return kind, connection

    def _drip(self) -> None:
        while not self._over.wait(1.0):
            for kind, connection in self.connections:
                if kind != "silent":
                    with contextlib.suppress(OSError):
                        connection.send(b"x")


def ask(seed: Seed, token: str, until: float) -> Iterator[tuple[float, int]]:
    """Yield the seconds and the status of each request of an honest client."""
    client = CscClient(seed.base_url, "v2", token)
    client.http.verify = str(seed.trust_root)
    while time.monotonic() < until:
        for method in ("info", "credentials/list"):
            started = time.monotonic()
            try:
                status = client.post(method).status_code
            except requests.RequestException:
                status = 0
            yield time.monotonic() - started, status


@pytest.mark.timeout(600)
def test_RL_09_slow_connections_hold_up_nobody(tls_service: Service) -> None:
    """AR-09: with the shipped configuration of nginx."""
    seed = tls_service.seed
    client = CscClient(seed.base_url, "v2")
    client.http.verify = str(seed.trust_root)
    token = client.login(seed.users[0])
    with Attack(seed) as attack:
        until = time.monotonic() + SECONDS
        with ThreadPoolExecutor(HONEST) as pool:
            answers = [each for one in pool.map(lambda _: list(ask(seed, token, until)), range(HONEST)) for each in one]
        gone = dict.fromkeys(BEGINNINGS, 0)
        time.sleep(max(0.0, PART_TIMEOUT + LATE - SECONDS))
        for kind, connection in attack.connections:
            connection.settimeout(0.01)
            gone[kind] += is_closed(connection)
    seconds = sorted(duration for duration, _ in answers)
    p99 = seconds[int(len(seconds) * 0.99)]
    print(f"{len(answers)} requests beside {ATTACKERS} slow ones: p99 {p99 * 1000:.0f} ms; sent away: {gone}")

    assert {status for _, status in answers} == {200}
    assert p99 < SLOWEST
    each = ATTACKERS // len(BEGINNINGS)
    assert gone["headers"] >= each
    assert gone["silent"] >= each
