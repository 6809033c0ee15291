"""A connection that ends in time: every read and write of it counts against one deadline and one number of bytes.

A socket's own timeout starts anew with each byte that a slow peer sends.
"""

import http.client
import io
import socket
import time
from typing import cast


class Deadline:
    """A moment of the monotonic clock."""

    def __init__(self, at: float) -> None:
        self._at = at

    def left(self) -> float:
        """Return the seconds that are left; TimeoutError when there are none."""
        seconds = self._at - time.monotonic()
        if seconds <= 0:
            raise TimeoutError("the peer was too slow")
        return seconds

    def is_over(self) -> bool:
        return time.monotonic() >= self._at


class LimitedReader(io.RawIOBase):
    """What a peer sends, until the deadline and up to a number of bytes; `is_exhausted` when it sent more."""

    def __init__(self, connection: socket.socket, end: Deadline, limit: int) -> None:
        super().__init__()
        self._connection = connection
        self._end = end
        self._left = limit
        self.is_exhausted = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # as io calls it
        if self._left <= 0:
            self.is_exhausted = True
            raise http.client.HTTPException("the answer is too long")
        self._connection.settimeout(self._end.left())
        count = self._connection.recv_into(buffer, min(len(buffer), self._left))
        self._left -= count
        return count

    def as_socket(self) -> socket.socket:
        """Return what `http.client.HTTPResponse` asks of a socket: that it can be read as a file."""
        return cast(socket.socket, _Readable(self))


class _Readable:
    def __init__(self, raw: io.RawIOBase) -> None:
        self._raw = raw

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self._raw)


def send_all(connection: socket.socket, data: bytes, end: Deadline) -> None:
    """Send everything before the deadline, else raise TimeoutError."""
    rest = memoryview(data)
    while rest:
        connection.settimeout(end.left())
        rest = rest[connection.send(rest) :]
