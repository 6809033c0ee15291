"""Web's connections to the signer's workers: one for each thread and worker.

A request of which anything may have reached a worker is never sent again: what it did is unknown here, and
known to the signer.
"""

import socket
import struct
import threading
from pathlib import Path

from csc_server.activation.framing import FrameBuffer, FrameError
from csc_server.activation.parts import Lane
from csc_server.activation.peer import peer_uid
from csc_server.errors import UnavailableError

READ_SIZE = 65_536
_TIMEVAL = struct.Struct("@ll")
"""struct timeval of sys/time.h: seconds, microseconds."""


def socket_path(socket_dir: Path, lane: Lane, index: int) -> Path:
    """Return where the worker of a lane listens."""
    return socket_dir / f"{lane.value}-{index}.sock"


class WorkerConnection:
    """One thread's connection to one worker; opened when needed, dropped after any failure.

    Its time-outs are the kernel's: with Python's own, every read and write is two system calls.
    """

    def __init__(self, path: Path, signer_uid: int) -> None:
        self._path = path
        self._signer_uid = signer_uid
        self._socket: socket.socket | None = None
        self._deadline = 0.0

    def call(self, body: bytes, deadline: float) -> bytes:
        """Send one frame and return the answer's body, or raise UnavailableError."""
        try:
            return _answer(self._sent(body, deadline))
        except (OSError, FrameError) as error:
            self._drop()
            raise UnavailableError("signer") from error
        except BaseException:
            self._drop()  # its answer, still to come, must not be the next call's
            raise

    def _sent(self, body: bytes, deadline: float) -> socket.socket:
        """Send a frame and return the connection; a worker that has ended since the last call gets a new one.

        The kernel refuses to write to a closed UNIX socket, and no worker acts on a part of a frame: what
        could not be sent has done nothing.
        """
        if self._socket is not None:
            try:
                return self._send(self._socket, body, deadline)
            except (BrokenPipeError, ConnectionResetError):
                self._drop()
        self._socket = self._connect(deadline)
        return self._send(self._socket, body, deadline)

    def _send(self, connection: socket.socket, body: bytes, deadline: float) -> socket.socket:
        if deadline != self._deadline:
            seconds, fraction = divmod(deadline, 1)
            limit = _TIMEVAL.pack(int(seconds), int(fraction * 1_000_000))
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
            self._deadline = deadline
        connection.sendall(body)
        return connection

    def _connect(self, deadline: float) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.settimeout(deadline)
            connection.connect(str(self._path))
            connection.settimeout(None)
            trusted = peer_uid(connection) == self._signer_uid
        except OSError as error:
            connection.close()
            raise UnavailableError("signer") from error
        if not trusted:
            connection.close()
            raise UnavailableError("signer", "another user listens on the signer's socket")
        return connection

    def _drop(self) -> None:
        self._deadline = 0.0
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _answer(connection: socket.socket) -> bytes:
    """Return the body of the one frame that answers a request."""
    buffer = FrameBuffer()
    while True:
        data = connection.recv(READ_SIZE)
        if not data:
            raise FrameError("the connection ended before an answer")
        bodies = buffer.feed(data)
        if len(bodies) > 1 or (bodies and not buffer.is_empty):
            raise FrameError("more than one answer to a request")
        if bodies:
            return bodies[0]


class LaneClient:
    """The workers of one lane: a call goes to the one with the fewest calls of this process under way."""

    def __init__(self, socket_dir: Path, lane: Lane, workers: int, signer_uid: int) -> None:
        self._paths = [socket_path(socket_dir, lane, index) for index in range(workers)]
        self._signer_uid = signer_uid
        self._under_way = [0] * workers
        self._turn = 0
        self._lock = threading.Lock()
        self._local = threading.local()

    def call(self, body: bytes, deadline: float) -> bytes:
        """Call one worker and return the answer's body, or raise UnavailableError."""
        index = self._take()
        try:
            return self._connection(index).call(body, deadline)
        finally:
            with self._lock:
                self._under_way[index] -= 1

    def call_each(self, body: bytes, deadline: float) -> list[bytes | None]:
        """Call every worker; None for one that does not answer."""
        answers: list[bytes | None] = []
        for path in self._paths:
            try:
                answers.append(WorkerConnection(path, self._signer_uid).call(body, deadline))
            except UnavailableError:
                answers.append(None)
        return answers

    def _take(self) -> int:
        with self._lock:
            self._turn += 1
            order = range(self._turn, self._turn + len(self._under_way))
            index = min((number % len(self._under_way) for number in order), key=self._under_way.__getitem__)
            self._under_way[index] += 1
            return index

    def _connection(self, index: int) -> WorkerConnection:
        connections: dict[int, WorkerConnection] | None = getattr(self._local, "connections", None)
        if connections is None:
            connections = self._local.connections = {}
        if index not in connections:
            connections[index] = WorkerConnection(self._paths[index], self._signer_uid)
        return connections[index]
