"""The signer's socket: one peer, bounded frames of strict JSON, answered in order (AR-03)."""

import json
import os
import select
import socket
import struct
import subprocess
import sys
from contextlib import contextmanager

import pytest

from csc_server.activation.framing import MAX_FRAME, frame, receive_frame
from csc_server.activation.messages import (
    DescribeCredential,
    Done,
    Ping,
    Refused,
    Sign,
    decode_answer,
    encode,
)
from csc_server.signer.server import MAX_CONNECTIONS, WorkerServer
from csc_server.signer.worker import weigh
from csc_server.values import CredentialId, Refusal
from fakes.signer_inside import caller, digest

TURNS = 50
"""Looks at the socket, each at most a second long, before something counts as never happening."""
OWN = os.getuid()
NOBODY = 65_534


def request(name):
    return DescribeCredential(caller(), CredentialId(name))


def framed(name):
    return frame(encode(request(name)))


class Lane:
    """A worker's server on a socket without a file, its handler a list of what it was asked."""

    def __init__(self, allowed_uids=(OWN,), group_limit=64):
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind("")
        self.listener.listen(64)
        self.address = self.listener.getsockname()
        self.asked = []
        self.groups = []
        self.server = WorkerServer(self.listener, allowed_uids, self, group_limit, weigh)
        self.owes = False
        self.works = 0
        self.clients = []

    def answer(self, requests):
        self.asked += requests
        self.groups.append(len(requests))
        return [Refused(Refusal.UNKNOWN_CREDENTIAL.value, getattr(each, "credential_id", "")) for each in requests]

    def work(self):
        self.works += 1

    def connect(self):
        client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        client.settimeout(10)
        client.connect(self.address)
        self.clients.append(client)
        return client

    def serve_until_readable(self, client):
        for _ in range(TURNS):
            if select.select([client], [], [], 0)[0]:
                return
            self.server.serve_once(1)
        raise AssertionError("the server neither answered nor closed")

    def serve_what_waits(self):
        """Serve until a look finds nothing to do: what was sent before has been seen by then."""
        for _ in range(TURNS):
            before = (len(self.asked), self.server._connections)
            self.server.serve_once(0)
            self.server.serve_once(0)
            if before == (len(self.asked), self.server._connections):
                return

    def names(self, client, count):
        found = []
        for _ in range(count):
            self.serve_until_readable(client)
            found.append(decode_answer(receive_frame(client)).message)
        return found

    def is_closed_to(self, client):
        self.serve_until_readable(client)
        try:
            return client.recv(1) == b""
        except ConnectionResetError:
            return True

    def close(self):
        for each in (*self.clients, self.listener):
            each.close()
        self.server._selector.close()


@contextmanager
def lane_of(**options):
    made = Lane(**options)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def lane():
    with lane_of() as made:
        yield made


def test_AR_03_the_configured_uid_is_served(lane):
    client = lane.connect()
    client.sendall(framed("one"))

    assert lane.names(client, 1) == ["one"]
    assert lane.asked == [request("one")]


@pytest.mark.parametrize("allowed_uids", [(), (OWN + 1,), (OWN + 1, NOBODY - 1)])
def test_AR_03_another_uid_is_closed_unserved(allowed_uids):
    with lane_of(allowed_uids=allowed_uids) as lane:
        client = lane.connect()
        client.sendall(framed("one"))

        assert lane.is_closed_to(client)
        lane.serve_what_waits()
        assert lane.asked == []


@pytest.mark.root
def test_AR_03_a_process_of_another_user_is_closed_unserved(lane):
    program = (
        "import os, socket, sys; client = socket.socket(socket.AF_UNIX); client.settimeout(20)\n"
        f"os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})\n"
        "client.connect(bytes.fromhex(sys.argv[1])); client.sendall(bytes.fromhex(sys.argv[2])); print('sent', flush=True)\n"
        "try: print(len(client.recv(1)))\n"
        "except ConnectionResetError: print(0)"
    )
    arguments = [sys.executable, "-c", program, lane.address.hex(), framed("one").hex()]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "sent\n"
        lane.serve_what_waits()
        assert process.communicate(timeout=30)[0] == "0\n"

    assert lane.asked == []


def test_AR_03_a_frame_in_pieces_is_one_request(lane):
    client = lane.connect()
    whole = framed("piece by piece")
    for byte in whole[:-1]:
        client.sendall(bytes([byte]))
        lane.serve_what_waits()
    assert lane.asked == []
    client.sendall(whole[-1:])

    assert lane.names(client, 1) == ["piece by piece"]


def test_AR_03_frames_of_one_packet_are_answered_in_order(lane):
    client = lane.connect()
    client.sendall(framed("a") + framed("b") + framed("c")[:9])
    first = lane.names(client, 2)
    client.sendall(framed("c")[9:])

    assert first == ["a", "b"]
    assert lane.names(client, 1) == ["c"]


def test_AR_03_each_connection_gets_its_own_answers(lane):
    clients = [lane.connect() for _ in range(5)]
    for number, client in enumerate(clients):
        client.sendall(framed(f"{number}") + framed(f"again {number}"))

    assert [lane.names(each, 2) for each in clients] == [[f"{number}", f"again {number}"] for number in range(5)]


@pytest.mark.parametrize("length", [MAX_FRAME + 1, 0x7FFFFFFF, 0xFFFFFFFF])
def test_AR_03_a_frame_of_more_than_1_MiB_is_not_awaited(lane, length):
    client, other = lane.connect(), lane.connect()
    client.sendall(struct.pack("!I", length))
    other.sendall(framed("other"))

    assert lane.is_closed_to(client)
    assert lane.names(other, 1) == ["other"]
    assert len(lane.asked) == 1


def test_AR_03_a_frame_of_1_MiB_is_read(lane):
    body = encode(request("one")).ljust(MAX_FRAME)
    assert len(body) == 1_048_576
    client = lane.connect()
    left = memoryview(frame(body))
    while left:
        left = left[client.send(left[:4096]) :]
        lane.server.serve_once(0)

    assert lane.names(client, 1) == ["one"]
    assert lane.asked == [request("one")]


def with_fields(**changes):
    right = json.loads(encode(request("one")))
    return json.dumps(right | {"body": right["body"] | changes}).encode()


ODD_BODIES = {
    "nothing": b"",
    "no JSON": b"\xff\xfe",
    "array": b"[]",
    "two texts": encode(Ping()) * 2,
    "member twice": b'{"kind":"Ping","kind":"Ping","body":{}}',
    "unknown kind": b'{"kind":"Shutdown","body":{}}',
    "an answer": encode(Done()),
    "no body": b'{"kind":"Ping"}',
    "one member more": b'{"kind":"Ping","body":{},"uid":0}',
    "one field more": with_fields(all=True),
    "field of another type": with_fields(credential_id=1),
    "caller is a list": with_fields(caller=["client", "signer", "request"]),
    "deep": b'{"kind":"Ping","body":' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    "NaN": b'{"kind":"Ping","body":NaN}',
}


@pytest.mark.parametrize("body", ODD_BODIES.values(), ids=ODD_BODIES)
def test_AR_03_what_is_no_message_ends_its_connection_and_no_other(lane, body):
    client, other = lane.connect(), lane.connect()
    client.sendall(frame(body) + framed("behind it"))

    assert lane.is_closed_to(client)
    assert lane.asked == []
    other.sendall(framed("other"))
    assert lane.names(other, 1) == ["other"]


@pytest.mark.parametrize("sent", [b"", b"\0\0", framed("half")[:-1]])
def test_AR_03_a_peer_that_leaves_inside_a_frame_asked_nothing(lane, sent):
    client, other = lane.connect(), lane.connect()
    client.sendall(sent)
    client.close()
    other.sendall(framed("other"))

    assert lane.names(other, 1) == ["other"]
    lane.serve_what_waits()
    assert lane.asked == [request("other")]
    assert lane.server._connections == 1


def test_AR_03_a_peer_that_leaves_before_its_turn_is_not_processed():
    with lane_of(group_limit=2) as lane:
        heavy = Sign(caller(), CredentialId("one"), "sad", (digest("a"), digest("b")), "1.2.840.10045.4.3.2")
        patient, leaver = lane.connect(), lane.connect()
        lane.serve_what_waits()
        patient.sendall(frame(encode(heavy)))
        leaver.sendall(framed("leaver") + framed("leaver"))
        lane.server.serve_once(1)
        assert lane.asked == [heavy], "the group was full"
        leaver.close()
        lane.serve_what_waits()

        assert lane.names(patient, 1) == ["one"]
        assert lane.asked == [heavy]


def test_a_group_takes_what_waits_up_to_its_limit():
    with lane_of(group_limit=3) as lane:
        client = lane.connect()
        client.sendall(b"".join(framed(f"{number}") for number in range(7)))

        assert lane.names(client, 7) == [f"{number}" for number in range(7)]
        assert lane.groups == [3, 3, 1]


def test_a_request_heavier_than_a_group_is_a_group():
    with lane_of(group_limit=1) as lane:
        client = lane.connect()
        heavy = Sign(caller(), CredentialId("one"), "sad", (digest("a"),) * 5, "1.2.840.10045.4.3.2")
        client.sendall(frame(encode(heavy)) + frame(encode(request("light"))))

        assert lane.names(client, 2) == ["one", "light"]
        assert lane.groups == [1, 1]


def test_AR_03_connections_are_bounded_and_those_that_end_make_room(lane):
    lane.server._connections = MAX_CONNECTIONS - 1
    last, refused = lane.connect(), lane.connect()
    assert lane.is_closed_to(refused)
    last.close()
    lane.serve_what_waits()
    next_one = lane.connect()
    next_one.sendall(framed("next"))

    assert lane.names(next_one, 1) == ["next"]


class Owing(Lane):
    """A handler that answers a group with the next call, as the sign lane does."""

    def __init__(self):
        super().__init__()
        self.due = []

    def answer(self, requests):
        due, self.due = self.due, super().answer(requests)
        self.owes = bool(self.due)
        return due


@pytest.fixture
def owing():
    made = Owing()
    yield made
    made.close()


def test_AR_03_a_server_does_not_wait_for_requests_while_answers_are_owed(owing):
    client = owing.connect()
    client.sendall(framed("first"))
    for _ in range(TURNS):
        owing.server.serve_once(60 if owing.owes else 1)
        if owing.asked and not owing.owes:
            break

    assert decode_answer(receive_frame(client)).message == "first"
    assert owing.works == 2


def test_AR_03_what_is_owed_is_sent_before_the_end(owing):
    client = owing.connect()
    client.sendall(framed("last"))
    for _ in range(TURNS):
        if owing.owes:
            break
        owing.server.serve_once(1)
    owing.server.finish()

    assert decode_answer(receive_frame(client)).message == "last"
    assert not owing.owes
