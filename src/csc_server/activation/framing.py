"""Frames of the signature activation protocol: four bytes of length, then one JSON text (AR-03)."""

import socket
import struct

from csc_server.errors import CscServerError

MAX_FRAME = 1_048_576
HEADER = struct.Struct("!I")


class FrameError(CscServerError):
    """A frame that is too long, or a connection that ended inside one."""


def frame(body: bytes) -> bytes:
    """Return the frame of a body."""
    if len(body) > MAX_FRAME:
        raise FrameError("a frame is too long")
    return HEADER.pack(len(body)) + body


def receive_frame(connection: socket.socket) -> bytes | None:
    """Return the next body from a blocking socket; None when the peer closed between two frames."""
    header = _receive(connection, HEADER.size)
    if header is None:
        return None
    (length,) = HEADER.unpack(header)
    if length > MAX_FRAME:
        raise FrameError("a frame is too long")
    body = _receive(connection, length)
    if body is None:
        raise FrameError("the connection ended inside a frame")
    return body


class FrameBuffer:
    """Bytes of one connection until they make whole frames."""

    def __init__(self) -> None:
        self._data = bytearray()

    @property
    def is_empty(self) -> bool:
        return not self._data

    def feed(self, data: bytes | memoryview) -> list[bytes]:
        """Add received bytes and return the bodies that are complete now."""
        self._data += data
        bodies = []
        while len(self._data) >= HEADER.size:
            (length,) = HEADER.unpack_from(self._data)
            if length > MAX_FRAME:
                raise FrameError("a frame is too long")
            end = HEADER.size + length
            if len(self._data) < end:
                break
            bodies.append(bytes(self._data[HEADER.size : end]))
            del self._data[:end]
        return bodies


def _receive(connection: socket.socket, length: int) -> bytes | None:
    chunks = []
    left = length
    while left:
        chunk = connection.recv(left)
        if not chunk:
            if left == length:
                return None
            raise FrameError("the connection ended inside a frame")
        chunks.append(chunk)
        left -= len(chunk)
    return b"".join(chunks)
