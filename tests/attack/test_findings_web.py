"""Holes that were found in web by attack, each held shut by the test that showed it."""

import os
import select
import signal
import socket
import threading
from contextlib import closing

import pytest

from attack.raw_http import send
from csc_server.activation.framing import frame, receive_frame
from csc_server.activation.lanes import WorkerConnection
from csc_server.activation.messages import Health
from csc_server.errors import UnavailableError
from csc_server.web.authorization.passwords import PasswordCheck
from fakes.code_flow import CodeFlow, details
from fakes.web_application import BASE_URL, WebApplication
from integration.service import Seed

GOOD = Health("sign-0", 1, "ok", "ok", "ok", "ok")
NEVER_ENDS = b"[" + b"[]," * 40 + b'"' + b'\\"' * 400_000


@pytest.fixture
def web():
    return WebApplication()


@pytest.mark.integration
@pytest.mark.parametrize("path", ["/csc/v1/info", "/csc/v2/auth/login", "/csc/v2/oauth2/token"])
def test_IN_10_a_body_of_quotes_without_an_end_is_refused_like_any_other(seed: Seed, path: str):
    # Its time once grew with the square of its length: hours for one request of a stranger.
    headers = [("Content-Type", "application/json")]
    response = send(seed.base_url, "POST", path, headers, NEVER_ENDS)

    assert response.status == 400
    assert send(seed.base_url, "POST", "/csc/v2/info", headers, b"{}").status == 200


@pytest.mark.timeout(30)
def test_IN_21_logins_beyond_a_short_queue_do_not_take_the_threads_of_others():
    check = PasswordCheck(parallel=1, patience=3600, waiting=0)
    with check, pytest.raises(UnavailableError), check:
        raise AssertionError("a second one was let in")
    with check:
        pass


@pytest.mark.timeout(30)
def test_IN_21_a_login_whose_patience_ends_leaves_its_place_in_the_queue():
    check = PasswordCheck(parallel=1, patience=0.01, waiting=1)
    for _ in range(3):
        with check, pytest.raises(UnavailableError), check:
            raise AssertionError("a second one was let in")


def test_RL_18_readyz_asks_the_signer_once_however_often_it_is_asked(web):
    asked = []
    web.activation.health = lambda: asked.append(1) or [GOOD]
    answers = [web.http.get("/readyz", base_url=BASE_URL).status_code for _ in range(20)]
    web.clock.now += 2
    answers.append(web.http.get("/readyz", base_url=BASE_URL).status_code)

    assert set(answers) == {200}
    assert len(asked) == 2


@pytest.mark.timeout(60)
def test_RL_18_readyz_waits_for_no_other_that_waits_for_the_signer(web):
    begun, done = threading.Event(), threading.Event()

    def slow():
        begun.set()
        assert done.wait(30)
        return [GOOD]

    assert web.http.get("/readyz", base_url=BASE_URL).status_code in {200, 503}
    web.clock.now += 2
    web.activation.health = slow
    first = threading.Thread(target=lambda: web.app.test_client().get("/readyz", base_url=BASE_URL))
    first.start()
    try:
        assert begun.wait(30)
        assert web.http.get("/readyz", base_url=BASE_URL).status_code in {200, 503}
    finally:
        done.set()
        first.join(30)


def test_IN_06_a_page_refused_while_the_audit_is_away_is_503(web):
    def away(*_):
        raise UnavailableError("database")

    headers = {"Origin": "https://elsewhere.example"}
    path = f"/interaction/{'x' * 43}/login"
    assert web.http.post(path, data={}, headers=headers, base_url=BASE_URL).status_code == 403
    web.clock.now += 60
    web.store.append_audit = away
    response = web.http.post(path, data={}, headers=headers, base_url=BASE_URL)

    assert response.status_code == 503
    assert response.headers["Retry-After"]


def test_AU_11_a_text_of_the_application_turns_nothing_around_but_itself():
    flow = CodeFlow()
    labelled = details().replace("Letter 1", "\\u202egnihtemos esle")
    _, page = flow.consent_page(authorization_details=labelled, description="\u202egnorw")

    assert "<bdi>\u202egnihtemos esle</bdi>" in page.text
    assert "<bdi>\u202egnorw</bdi>" in page.text


class Interrupted(BaseException):
    """What may end a thread's call at any place."""


@pytest.mark.timeout(60)
def test_RL_03_an_answer_nobody_waited_for_is_not_the_next_calls(tmp_path):
    def answer_late(listener):
        """Read a request, interrupt its caller, and answer it only when the next one is there."""
        first, _ = listener.accept()
        body = receive_frame(first)
        os.kill(os.getpid(), signal.SIGUSR1)
        select.select([first], [], [], 30)
        if not first.recv(1, socket.MSG_PEEK):  # closed: the caller comes back on a connection of its own
            first = listener.accept()[0]
            body = receive_frame(first)
        first.sendall(frame(body))

    def interrupt(*_):
        raise Interrupted

    before = signal.signal(signal.SIGUSR1, interrupt)
    try:
        with closing(socket.socket(socket.AF_UNIX)) as listener:
            listener.bind(str(tmp_path / "s"))
            listener.listen(4)
            connection = WorkerConnection(tmp_path / "s", os.getuid())
            signer = threading.Thread(target=answer_late, args=(listener,), daemon=True)
            signer.start()
            with pytest.raises(Interrupted):
                connection.call(frame(b"first"), 30)
            answer = connection.call(frame(b"second"), 30)
            connection._drop()
    finally:
        signal.signal(signal.SIGUSR1, before)

    assert answer == b"second"
