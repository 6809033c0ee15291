"""The courier: takes codes from the signer's user alone, brings them by mail, webhook or file, and tells no log."""

import contextlib
import http.server
import json
import logging
import os
import socket
import socketserver
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from csc_server.activation.framing import frame, receive_frame
from csc_server.errors import CscServerError, MalformedInputError, UnavailableError
from csc_server.settings import CourierSettings, SmtpSettings, WebhookSettings
from csc_server.signer.courier import server as couriers
from csc_server.signer.courier.client import CourierClient
from csc_server.signer.courier.port import Delivery, NoCourier
from csc_server.signer.courier.server import CourierServer, listening, read_delivery
from csc_server.signer.courier.transports import DeliveryError, Mail, Outbox, Webhook, mail_text, make_transport
from csc_server.wire import dump_json

CODE = Delivery("alice@mail.example", "31415926", "credential-1", 300)


class Kept:
    """A transport that keeps what it got; `failure` is raised instead, `gate` holds it up."""

    def __init__(self):
        self.got = []
        self.failure = None
        self.gate = threading.Event()
        self.gate.set()

    def send(self, delivery):
        self.gate.wait(10)
        if self.failure is not None:
            failure, self.failure = self.failure, None
            raise failure
        self.got.append(delivery)


@contextlib.contextmanager
def running(path, transport, uid=None):
    stopping = threading.Event()
    with listening(path) as listener:
        listener.settimeout(0.02)
        server = CourierServer(listener, os.geteuid() if uid is None else uid, transport)
        thread = threading.Thread(target=server.serve, args=(stopping,))
        thread.start()
        yield
        stopping.set()
        transport.gate.set()
        thread.join()


def until(condition):
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "courier.sock"


def test_a_code_is_taken_and_brought(path):
    transport = Kept()
    with running(path, transport):
        CourierClient(path, os.geteuid()).deliver(CODE)

    assert transport.got == [CODE], "what was taken is brought before the end"


def test_AR_03_only_the_signers_user_may_hand_over(path):
    transport = Kept()
    with running(path, transport, uid=os.geteuid() + 1), pytest.raises(UnavailableError):
        CourierClient(path, os.geteuid()).deliver(CODE)

    assert transport.got == []


def test_AR_03_a_courier_of_another_user_gets_nothing(path):
    transport = Kept()
    with running(path, transport), pytest.raises(UnavailableError):
        CourierClient(path, os.geteuid() + 1).deliver(CODE)

    assert transport.got == []


def test_a_courier_that_is_away_is_unavailable(path):
    for courier in (CourierClient(path, os.geteuid()), NoCourier()):
        with pytest.raises(UnavailableError) as caught:
            courier.deliver(CODE)
        assert caught.value.component == "courier"


def test_codes_wait_in_a_bounded_line(path):
    transport = Kept()
    transport.gate.clear()
    with running(path, transport):
        client = CourierClient(path, os.geteuid())
        for _ in range(couriers.MAX_WAITING):
            client.deliver(CODE)
        with pytest.raises(UnavailableError):
            for _ in range(2):  # one is under way
                client.deliver(CODE)


@pytest.mark.parametrize("failure", [DeliveryError("refused"), OSError("alice@mail.example"), ValueError("31415926")])
def test_AD_08_a_failure_is_logged_without_code_and_address_and_the_next_goes_on(path, caplog, failure):
    transport = Kept()
    transport.failure = failure
    with caplog.at_level(logging.INFO), running(path, transport):
        client = CourierClient(path, os.geteuid())
        client.deliver(CODE)
        client.deliver(CODE)
        until(lambda: transport.got)

    assert "credential-1" in caplog.text
    assert CODE.code not in caplog.text
    assert CODE.address not in caplog.text


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b"\xff", dump_json({"address": "a", "code": "1", "credential_id": "c"})]
)
def test_a_malformed_frame_ends_its_connection_alone(path, body):
    transport = Kept()
    with running(path, transport):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.connect(str(path))
            connection.sendall(frame(body))
            assert receive_frame(connection) is None
        CourierClient(path, os.geteuid()).deliver(CODE)

    assert transport.got == [CODE]


@given(
    st.binary(max_size=200) | st.recursive(st.none() | st.text() | st.integers(), st.lists).map(repr).map(str.encode)
)
def test_IN_01_reading_raises_nothing_but_its_own_error(body):
    with contextlib.suppress(MalformedInputError):
        read_delivery(body)


@pytest.mark.parametrize("changed", [{"lifetime": True}, {"lifetime": "300"}, {"code": 1}, {"more": 1}])
def test_IN_05_members_are_exactly_those(changed):
    members = {"address": "a", "code": "1", "credential_id": "c", "lifetime": 300}

    assert read_delivery(dump_json(members)) == Delivery("a", "1", "c", 300)
    with pytest.raises(MalformedInputError):
        read_delivery(dump_json(members | changed))


# Ways out


def test_the_outbox_gets_private_files_of_json(tmp_path):
    for _ in range(3):
        Outbox(tmp_path).send(CODE)
    files = list(tmp_path.iterdir())

    assert len(files) == 3
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert json.loads(files[0].read_text()) == {
        "to": CODE.address, "credentialID": "credential-1", "code": CODE.code, "expiresIn": 300,
    }  # fmt: skip


class Submission(socketserver.StreamRequestHandler):
    """The least of SMTP (RFC 5321) that a client can send a mail with."""

    def handle(self):
        self.wfile.write(b"220 mail.example\r\n")
        while line := self.rfile.readline():
            verb = line[:4].upper()
            self.server.lines.append(line)
            if verb == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                while (text := self.rfile.readline()) != b".\r\n":
                    self.server.lines.append(text)
            answer = {b"QUIT": b"221 bye", b"RCPT": b"550 no" if self.server.refuses else b"250 ok"}
            self.wfile.write(answer.get(verb, b"250 ok") + b"\r\n")
            if verb == b"QUIT":
                return


@contextlib.contextmanager
def serving(server):
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def submission(*, refuses=False):
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Submission)
    server.lines, server.refuses = [], refuses
    return serving(server)


def mail(server):
    settings = SmtpSettings(host="127.0.0.1", port=server.server_address[1], security="none", sender="s@sign.example")
    return Mail(settings, "Sign <b>")


def test_a_mail_has_code_and_warning_in_both_languages():
    text = mail_text("Sign", CODE)

    assert text.count(CODE.code) == 2
    assert "5 minutes" in text
    assert "有効期間は5分" in text


def test_a_mail_is_submitted():
    with submission() as server:
        mail(server).send(CODE)
        lines = b"".join(server.lines)

    assert b"alice@mail.example" in lines
    assert b"Auto-Submitted: auto-generated" in lines


def test_AD_08_a_mail_that_is_refused_names_no_address():
    with submission(refuses=True) as server, pytest.raises(DeliveryError) as caught:
        mail(server).send(CODE)

    assert CODE.address not in str(caught.value)
    assert caught.value.__cause__ is None


class Hook(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((self.path, dict(self.headers), json.loads(body)))
        self.send_response(self.server.status)
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        """Keep the test's output quiet."""


def hook(status=204):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    server.got, server.status = [], status
    return serving(server)


def test_a_webhook_is_called_with_its_token(tmp_path):
    token = tmp_path / "token"
    token.write_text("the-token\n")
    with hook() as server:
        url = f"http://127.0.0.1:{server.server_address[1]}/codes"
        Webhook(WebhookSettings(url=url, token_file=token)).send(CODE)
    ((path, headers, body),) = server.got

    assert path == "/codes"
    assert headers["Authorization"] == "Bearer the-token"
    assert body == {"to": CODE.address, "credentialID": "credential-1", "code": CODE.code, "expiresIn": 300}


@pytest.mark.parametrize("status", [302, 307, 400, 500])
def test_a_webhook_that_redirects_or_fails_is_a_failure(status):
    with hook(status) as server, pytest.raises(DeliveryError):
        Webhook(WebhookSettings(url=f"http://127.0.0.1:{server.server_address[1]}/")).send(CODE)

    assert len(server.got) == 1


# Settings


def settings(tmp_path, **more):
    return CourierSettings(socket=tmp_path / "s", signer_uid=1, **more)


def test_exactly_one_way_is_set(tmp_path):
    smtp, webhook = SmtpSettings(host="h", sender="s"), WebhookSettings(url="https://hook.example/")

    assert isinstance(make_transport(settings(tmp_path, smtp=smtp)), Mail)
    assert isinstance(make_transport(settings(tmp_path, webhook=webhook)), Webhook)
    assert isinstance(make_transport(settings(tmp_path, outbox=tmp_path, environment="test")), Outbox)
    for wrong in ({}, {"smtp": smtp, "webhook": webhook}):
        with pytest.raises(ValidationError):
            settings(tmp_path, **wrong)


@pytest.mark.parametrize(
    "unsafe",
    [
        {"smtp": SmtpSettings(host="h", sender="s", security="none")},
        {"webhook": WebhookSettings(url="http://hook.example/")},
        {"webhook": WebhookSettings(url="https//hook.example/")},
    ],
)
def test_production_sends_codes_under_tls_alone(tmp_path, unsafe):
    with pytest.raises(ValidationError):
        settings(tmp_path, **unsafe)


def test_AR_08_an_outbox_needs_environment_test(tmp_path):
    with pytest.raises(ValidationError):
        settings(tmp_path, outbox=tmp_path)


def test_without_a_way_nothing_starts(tmp_path):
    with pytest.raises(CscServerError):
        make_transport(settings(tmp_path, outbox=tmp_path, environment="test").model_copy(update={"outbox": None}))
