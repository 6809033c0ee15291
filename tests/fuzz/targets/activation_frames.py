"""Frames between the two processes: the same bodies however the bytes arrive (AR-03)."""

import struct

from csc_server.activation import framing
from fuzz.source import Source

SEEDS = [b"\x03" + framing.frame(b"{}") * 3, b"\x01\xff\xff\xff\xff", b"\x02" + framing.frame(b"")]
WORDS = [b"\x00\x00\x00\x02{}", b"\x00\x10\x00\x00", b"\x00\x10\x00\x01"]


def run(data: bytes) -> None:
    source = Source(data)
    step = 1 + source.below(8)
    stream = source.rest()
    buffer, bodies = framing.FrameBuffer(), []
    expected, ends_badly = _expected(stream)
    try:
        for at in range(0, len(stream), step):
            bodies += buffer.feed(stream[at : at + step])
    except framing.FrameError:
        assert ends_badly
        assert bodies == expected[: len(bodies)]
        return
    assert not ends_badly
    assert bodies == expected


def plant() -> None:
    """Of two frames that arrive together the second waits for more bytes."""

    def feed(self, data):
        self._data += data
        if len(self._data) < 4:
            return []
        (length,) = framing.HEADER.unpack_from(self._data)
        if length > framing.MAX_FRAME:
            raise framing.FrameError("a frame is too long")
        if len(self._data) < 4 + length:
            return []
        body = bytes(self._data[4 : 4 + length])
        del self._data[: 4 + length]
        return [body]

    framing.FrameBuffer.feed = feed


def _expected(stream: bytes) -> tuple[list[bytes], bool]:
    bodies, at = [], 0
    while len(stream) - at >= 4:
        (length,) = struct.unpack_from("!I", stream, at)
        if length > 1_048_576:
            return bodies, True
        if len(stream) - at - 4 < length:
            break
        bodies.append(stream[at + 4 : at + 4 + length])
        at += 4 + length
    return bodies, False
