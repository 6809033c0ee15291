"""A worker's socket: accepts web by its uid, reads frames, hands over all that wait as one group (AR-03)."""

import selectors
import socket
import struct
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from csc_server.activation.framing import FrameBuffer, FrameError, frame
from csc_server.activation.messages import Answer, Request, decode_request, encode
from csc_server.activation.peer import peer_uid
from csc_server.errors import MalformedInputError
from csc_server.signer.service import Handler

READ_SIZE = 262_144
SEND_DEADLINE = struct.pack("@ll", 2, 0)
"""Two seconds (struct timeval) a peer may take to read an answer before its connection is dropped."""
MAX_CONNECTIONS = 1024
MAX_WAITING = 1024
"""Requests read and not yet answered; what is beyond stays with its sender until there is room."""


@dataclass
class Connection:
    """One accepted connection of web and what it has sent so far."""

    socket: socket.socket
    buffer: FrameBuffer = field(default_factory=FrameBuffer)


class WorkerServer:
    """Serves one listening socket from a single thread.

    Args:
        listener: bound and listening; inherited from the supervisor, which keeps it over restarts.
        allowed_uids: the uids that may connect.
        handler: answers groups of requests.
        group_limit: the most requests of one group, and weigh: how much each counts.
    """

    def __init__(
        self,
        listener: socket.socket,
        allowed_uids: Sequence[int],
        handler: Handler,
        group_limit: int,
        weigh: Callable[[Request], int],
    ) -> None:
        self._listener = listener
        self._allowed_uids = frozenset(allowed_uids)
        self._handler = handler
        self._group_limit = group_limit
        self._weigh = weigh
        self._selector = selectors.DefaultSelector()
        self._waiting: deque[tuple[Connection, Request]] = deque()
        self._unanswered: deque[Connection] = deque()
        self._connections = 0
        self._read_into = memoryview(bytearray(READ_SIZE))
        listener.setblocking(False)
        self._selector.register(listener, selectors.EVENT_READ)

    def serve_once(self, timeout: float) -> bool:
        """Wait for requests, at most `timeout` seconds, take one group and send the answers that are due.

        Return whether there was anything to do.
        """
        self._receive(timeout)
        group = self._next_group()
        is_busy = bool(group) or self._handler.owes
        if is_busy:
            self._exchange(group)
            self._handler.work()
        return is_busy

    def finish(self) -> None:
        """Send what is still owed; no request is taken any more."""
        if self._handler.owes:
            self._exchange([])

    def _exchange(self, group: Sequence[tuple[Connection, Request]]) -> None:
        self._unanswered.extend(connection for connection, _ in group)
        for answer in self._handler.answer([request for _, request in group]):
            self._send(self._unanswered.popleft(), answer)

    def _receive(self, timeout: float) -> None:
        if len(self._waiting) >= MAX_WAITING:
            return
        for key, _ in self._selector.select(0 if self._waiting or self._handler.owes else timeout):
            if key.data is None:
                self._accept()
            else:
                self._read(key.data)
            if len(self._waiting) >= MAX_WAITING:
                return

    def _accept(self) -> None:
        try:
            accepted, _ = self._listener.accept()
        except OSError:
            return
        if self._connections >= MAX_CONNECTIONS or peer_uid(accepted) not in self._allowed_uids:
            accepted.close()
            return
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, SEND_DEADLINE)
        self._connections += 1
        self._selector.register(accepted, selectors.EVENT_READ, Connection(accepted))

    def _read(self, connection: Connection) -> None:
        try:
            size = connection.socket.recv_into(self._read_into, flags=socket.MSG_DONTWAIT)
            bodies = connection.buffer.feed(self._read_into[:size])
            requests = [decode_request(body) for body in bodies]
        except BlockingIOError:
            return
        except (OSError, FrameError, MalformedInputError):
            self._drop(connection)
            return
        self._waiting.extend((connection, request) for request in requests)
        if not size:
            self._drop(connection)

    def _next_group(self) -> list[tuple[Connection, Request]]:
        group: list[tuple[Connection, Request]] = []
        weight = 0
        while self._waiting:
            if self._waiting[0][0].socket.fileno() < 0:
                self._waiting.popleft()  # nobody waits for it any more: nothing is spent
                continue
            weight += self._weigh(self._waiting[0][1])
            if group and weight > self._group_limit:
                break
            group.append(self._waiting.popleft())
        return group

    def _send(self, connection: Connection, answer: Answer) -> None:
        if connection.socket.fileno() < 0:
            return  # the peer went away meanwhile; what was signed for it is in the audit
        try:
            connection.socket.sendall(frame(encode(answer)))
        except (OSError, FrameError):
            self._drop(connection)

    def _drop(self, connection: Connection) -> None:
        if connection.socket.fileno() >= 0:
            self._selector.unregister(connection.socket)
            connection.socket.close()
            self._connections -= 1
