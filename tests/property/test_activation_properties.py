"""Frames and messages of the activation protocol against arbitrary input and arbitrary cuts (AR-03, IN-05)."""

import json
import socket
from contextlib import closing, suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from csc_server.activation.framing import HEADER, MAX_FRAME, FrameBuffer, FrameError, frame, receive_frame
from csc_server.activation.messages import Answer, Request, decode_answer, decode_request, encode
from csc_server.errors import MalformedInputError

pytestmark = pytest.mark.filterwarnings("ignore:Ignoring unsupported Strict")

TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=40)
EXACT = st.integers(-(2**53), 2**53)
VALUES = {str: TEXT, int: EXACT, bytes: st.binary(max_size=40)}
NEARLY = st.text('{}[]":,kindbodySgPx0', max_size=60).map(str.encode)
BODIES = st.lists(st.binary(max_size=300), max_size=5)


@pytest.fixture(scope="module", autouse=True)
def _texts_and_numbers_of_the_wire():
    for kind, strategy in VALUES.items():
        st.register_type_strategy(kind, strategy)
    yield
    st.register_type_strategy(str, st.text())
    st.register_type_strategy(int, st.integers())
    st.register_type_strategy(bytes, st.binary())


@pytest.mark.parametrize("kind", Request.__args__, ids=lambda kind: kind.__name__)
def test_AR_03_a_request_arrives_as_it_was_sent(kind):
    @given(st.from_type(kind))
    def arrives(message):
        assert decode_request(encode(message)) == message

    arrives()


@pytest.mark.parametrize("kind", Answer.__args__, ids=lambda kind: kind.__name__)
def test_AR_03_an_answer_arrives_as_it_was_sent(kind):
    @given(st.from_type(kind))
    def arrives(message):
        assert decode_answer(encode(message)) == message

    arrives()


@pytest.mark.parametrize("decode", [decode_request, decode_answer])
@given(data=st.binary(max_size=200) | NEARLY)
@example(data=b'{"kind":"Ping","body":{}}')
@example(data=b'{"kind":"Signed","body":{"signatures":["=="]}}')
def test_AR_03_any_bytes_are_a_message_or_malformed(decode, data):
    try:
        message = decode(data)
    except MalformedInputError:
        return

    assert decode(encode(message)) == message


@pytest.mark.parametrize("kind", Request.__args__, ids=lambda kind: kind.__name__)
def test_IN_05_a_request_with_a_field_too_many_is_malformed(kind):
    @given(st.from_type(kind), st.text("abcdefgh_", min_size=1, max_size=12))
    def is_malformed(message, name):
        whole = json.loads(encode(message))
        if name in whole["body"]:
            return
        whole["body"][name] = None
        with pytest.raises(MalformedInputError):
            decode_request(json.dumps(whole).encode())

    is_malformed()


@given(BODIES, st.lists(st.integers(1, 40), max_size=60))
def test_AR_03_frames_survive_any_cut(bodies, cuts):
    stream = b"".join(frame(body) for body in bodies)
    buffer, found = FrameBuffer(), []
    for cut in cuts:
        found += buffer.feed(stream[:cut])
        stream = stream[cut:]
    found += buffer.feed(stream)

    assert found == bodies


@given(st.binary(max_size=100), st.lists(st.integers(1, 30), max_size=20))
def test_AR_03_any_bytes_are_frames_or_an_error_and_never_kept_beyond_the_limit(data, cuts):
    buffer = FrameBuffer()
    with suppress(FrameError):
        for cut in cuts:
            for body in buffer.feed(data[:cut]):
                assert len(body) <= MAX_FRAME
            data = data[cut:]


@given(BODIES, st.integers(0, 3))
def test_AR_03_a_blocking_reader_gets_the_same_frames_and_knows_a_broken_end(bodies, missing):
    ours, theirs = socket.socketpair()
    stream = b"".join(frame(body) for body in bodies)
    kept = stream[: len(stream) - missing] if bodies else b""
    with closing(ours), closing(theirs):
        theirs.sendall(kept)
        theirs.shutdown(socket.SHUT_WR)
        read = []
        try:
            while (body := receive_frame(ours)) is not None:
                read.append(body)
            is_broken = False
        except FrameError:
            is_broken = True

    assert read == (bodies if kept == stream else bodies[:-1])
    assert is_broken == (kept != stream and len(kept) > sum(HEADER.size + len(body) for body in bodies[:-1]))
