"""Frames at their limits (AR-03)."""

import socket
from contextlib import closing

import pytest

from csc_server.activation.framing import HEADER, MAX_FRAME, FrameBuffer, FrameError, frame, receive_frame


def test_AR_03_a_frame_is_four_bytes_of_length_and_its_body():
    assert frame(b"abc") == b"\0\0\0\3abc"


def test_AR_03_a_frame_of_the_greatest_length_passes_and_one_byte_more_does_not():
    assert FrameBuffer().feed(frame(bytes(MAX_FRAME))) == [bytes(MAX_FRAME)]
    with pytest.raises(FrameError):
        frame(bytes(MAX_FRAME + 1))


@pytest.mark.parametrize("length", [MAX_FRAME + 1, 2**31, 2**32 - 1])
def test_AR_03_a_length_beyond_the_limit_is_refused_by_its_header_alone(length):
    with pytest.raises(FrameError):
        FrameBuffer().feed(HEADER.pack(length))
    ours, theirs = socket.socketpair()
    with closing(ours), closing(theirs):
        theirs.sendall(HEADER.pack(length))
        with pytest.raises(FrameError):
            receive_frame(ours)


def test_AR_03_empty_bodies_are_frames():
    assert FrameBuffer().feed(frame(b"") * 3) == [b""] * 3


@pytest.mark.parametrize("sent", [b"\0", b"\0\0\0", b"\0\0\0\5", b"\0\0\0\5abcd"])
def test_AR_03_an_end_inside_a_frame_is_an_error_and_between_two_is_none(sent):
    ours, theirs = socket.socketpair()
    with closing(ours), closing(theirs):
        theirs.sendall(frame(b"whole") + sent)
        theirs.close()

        assert receive_frame(ours) == b"whole"
        with pytest.raises(FrameError):
            receive_frame(ours)


def test_AR_03_a_peer_that_closes_between_two_frames_has_said_all():
    ours, theirs = socket.socketpair()
    with closing(ours):
        theirs.close()

        assert receive_frame(ours) is None
