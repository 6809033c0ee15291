"""Web's end of the activation protocol, against workers that the test plays (AR-03, RL-04)."""

import os
import socket
import threading
from contextlib import suppress

import pytest

from csc_server.activation.client import SignerClient
from csc_server.activation.framing import frame, receive_frame
from csc_server.activation.lanes import socket_path
from csc_server.activation.messages import (
    UNREACHABLE,
    Begun,
    DescribeCredential,
    Done,
    Health,
    ListCredentials,
    Minted,
    Ping,
    Refused,
    Sign,
    Signed,
    Unavailable,
    VoidApproval,
    decode_request,
    encode,
)
from csc_server.activation.parts import Caller, Lane
from csc_server.errors import RefusedError, UnavailableError
from csc_server.values import ApprovalId, ClientId, CredentialId, Refusal, SignerId

CALLER = Caller(ClientId("app"), SignerId("signer"), "request-1")
VOID = VoidApproval(CALLER, ApprovalId("approval"))
SIGN = Sign(CALLER, CredentialId("credential"), "sad", (bytes(32),), "1.2.3")
QUICK = 0.2
"""Seconds of the device's deadline where a test waits for it."""


class PlayedWorker:
    """A worker that gives the test's answers, one a request; `None` closes, `...` stays silent."""

    def __init__(self, folder, lane, index, *answers):
        self.answers = list(answers)
        self.requests = []
        self.connections = 0
        self._held = []
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(str(socket_path(folder, lane, index)))
        self.listener.listen(16)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        with suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection, suppress(OSError):
            while (body := receive_frame(connection)) is not None:
                self.requests.append(decode_request(body))
                answer = self.answers.pop(0)
                if answer is None:
                    return
                if answer is ...:
                    self._held.append(connection.dup())
                    continue
                connection.sendall(answer if isinstance(answer, bytes) else frame(encode(answer)))

    def close(self):
        self.listener.close()
        for each in self._held:
            each.close()


@pytest.fixture
def workers(tmp_path):
    made = []

    def play(*answers, lane=Lane.REGISTRY, index=0):
        made.append(PlayedWorker(tmp_path, lane, index, *answers))
        return made[-1]

    yield play
    for each in made:
        each.close()


@pytest.fixture
def client(tmp_path):
    return SignerClient(tmp_path, 2, 1, os.geteuid(), QUICK)


def unavailable(act, *arguments):
    with pytest.raises(UnavailableError) as caught:
        act(*arguments)
    return caught.value


def test_AR_03_requests_go_to_their_lane_over_one_connection(workers, client):
    registry, sign = workers(Done(), Done()), workers(Signed((b"s",)), lane=Lane.SIGN, index=1)
    workers(Signed((b"s",)), lane=Lane.SIGN, index=0)
    client.void_approval(VOID)
    client.void_approval(VOID)

    assert registry.requests == [VOID, VOID]
    assert registry.connections == 1
    assert client.sign(SIGN) == Signed((b"s",))
    client.sign(SIGN)
    assert sign.requests == [SIGN], "the workers of a lane take turns"


def test_a_refusal_arrives_as_one(workers, client):
    workers(Refused("sad_expired", "too late"))

    with pytest.raises(RefusedError) as caught:
        client.describe(DescribeCredential(CALLER, CredentialId("c")))
    assert (caught.value.refusal, caught.value.message) == (Refusal.SAD_EXPIRED, "too late")


def test_IN_06_a_refusal_of_a_newer_signer_is_no_error_of_ours(workers, client):
    workers(Refused("not_yet_invented"))

    assert unavailable(client.void_approval, VOID).component == "signer"


def test_RL_04_what_the_signer_lacks_is_told_with_its_patience(workers, client):
    workers(Unavailable("device", 7, is_spent=True))
    found = unavailable(client.void_approval, VOID)

    assert (found.component, found.retry_after, found.is_spent) == ("device", 7, True)


@pytest.mark.parametrize(
    "answer",
    [Minted("sad", 1), Begun, b"\0\0\0\2{]", b"\xff\xff\xff\xff", frame(b'{"kind":"Done","body":{}'), None],
    ids=["another kind", "a request", "no JSON", "too long", "half a message", "closed"],
)
def test_RL_04_an_answer_that_is_none_is_unavailable(workers, client, answer):
    workers(frame(encode(VOID)) if answer is Begun else answer)

    assert unavailable(client.void_approval, VOID).component == "signer"


def test_RL_04_a_silent_worker_is_given_up_and_its_late_answer_is_nobodys(workers, client):
    worker = workers(..., Done())
    assert unavailable(client.void_approval, VOID).component == "signer"
    client.void_approval(VOID)

    assert worker.connections == 2, "what the first call was owed cannot reach the second"
    assert worker.requests == [VOID, VOID]


def test_RL_04_nobody_listens(client):
    assert unavailable(client.void_approval, VOID).component == "signer"


def test_RL_04_a_request_that_got_no_answer_is_not_sent_again(workers, client):
    worker = workers(None, Done())
    unavailable(client.void_approval, VOID)

    assert worker.requests == [VOID]


def test_RL_04_a_worker_that_ended_between_two_calls_costs_no_refusal(workers, client):
    worker = workers(Done(), Done())
    client.void_approval(VOID)
    (connection,) = client._lanes[Lane.REGISTRY]._local.connections.values()
    connection._socket.shutdown(socket.SHUT_RDWR)  # as the death of its process does
    client.void_approval(VOID)

    assert worker.requests == [VOID, VOID]
    assert worker.connections == 2


def test_AR_03_another_user_on_the_signers_socket_is_not_spoken_to(workers, tmp_path):
    worker = workers(Done())
    stranger = SignerClient(tmp_path, 1, 1, os.geteuid() + 1, QUICK)

    assert unavailable(stranger.void_approval, VOID).component == "signer"
    assert worker.requests == []


def test_RL_18_health_names_every_worker_and_those_that_are_silent(workers, client):
    well = Health("registry-0", 0, "ok", "ok", "ok", "ok")
    worker = workers(well)
    states = {state.worker: state for state in client.health()}

    assert states["registry-0"] == well
    assert worker.requests == [Ping()]
    assert {name for name, state in states.items() if state.device == UNREACHABLE} == {
        "sign-0",
        "sign-1",
        "evidence-0",
    }


def test_threads_have_connections_of_their_own(workers, client):
    worker = workers(*[Done()] * 8)
    gate = threading.Barrier(4)

    def twice():
        gate.wait(10)
        client.void_approval(VOID)
        client.void_approval(VOID)

    threads = [threading.Thread(target=twice) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)

    assert len(worker.requests) == 8
    assert worker.connections == 4


def test_a_listing_is_of_its_kind(workers, client):
    workers(Done())

    unavailable(client.list_credentials, ListCredentials(CALLER, SignerId("signer")))
