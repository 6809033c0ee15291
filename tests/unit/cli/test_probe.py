"""What `doctor` says of a service that runs, is ill, or does not run."""

import contextlib
import http.server
import json
import socketserver
import threading

import pytest

from csc_server.cli.findings import Status
from csc_server.cli.probe import Place, check_service

HEALTHY = {"status": "ok", "signer": "ok", "device": "ok", "database": "ok", "clock": "ok", "audit": "ok"}


@contextlib.contextmanager
def service(ready, body, kind=socketserver.TCPServer, address=("127.0.0.1", 0)):
    """A stand-in that answers /livez and /readyz; yields its address and the Host headers it saw."""
    hosts = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            hosts.append(self.headers["Host"])
            self.send_response(200 if self.path == "/livez" else ready)
            self.end_headers()
            self.wfile.write(b"{}" if self.path == "/livez" else body)

        def log_message(self, *_):
            pass

        def address_string(self):
            return "peer"

    with kind(address, Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_address, hosts
        finally:
            server.shutdown()
            thread.join()


def found(place):
    tree = check_service(place, "csc-server dev")
    return tree, {child.name: child.status for child in tree.children}


def test_RL_18_a_healthy_service_is_ok_part_by_part():
    with service(200, json.dumps(HEALTHY).encode()) as ((host, port), hosts):
        tree, states = found(Place(f"{host}:{port}", "https://sign.example.org"))

    assert tree.status is Status.OK
    assert set(states) == {"running", *HEALTHY} - {"status"}
    assert set(hosts) == {"sign.example.org"}


def test_RL_18_the_ill_part_is_named():
    body = json.dumps({**HEALTHY, "status": "unavailable", "device": "unavailable"}).encode()
    with service(503, body) as ((host, port), _):
        tree, states = found(Place(f"{host}:{port}", "http://127.0.0.1"))

    assert tree.status is Status.FAIL
    assert [name for name, status in states.items() if status is Status.FAIL] == ["device"]


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"a":1,"a":2}', b""])
def test_an_answer_that_is_no_object_fails(body):
    with service(200, body) as ((host, port), _):
        tree, _ = found(Place(f"{host}:{port}", "http://127.0.0.1"))

    assert tree.status is Status.FAIL


def test_a_unix_socket_is_asked_too(tmp_path):
    path = str(tmp_path / "web.sock")
    with service(200, json.dumps(HEALTHY).encode(), socketserver.UnixStreamServer, path):
        tree, _ = found(Place(f"unix:{path}", "https://sign.example.org"))

    assert tree.status is Status.OK


@pytest.mark.parametrize("listen", ["127.0.0.1:1", "unix:/nowhere/web.sock", "nonsense"])
def test_a_service_that_does_not_run_is_a_warning_with_its_command(listen):
    tree, _ = found(Place(listen, "https://sign.example.org"))

    assert tree.status is Status.WARN
    assert "csc-server dev" in tree.children[0].advice
