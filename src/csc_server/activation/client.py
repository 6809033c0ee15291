"""Web's end of the signature activation protocol: the Activation port over the workers' UNIX sockets.

One connection a thread and worker. A request that was sent and not answered is never sent again: what it
did is unknown here, and known to the signer.
"""

import select
import socket
import threading
from pathlib import Path
from typing import TypeVar

from csc_server.activation.framing import FrameError, frame, receive_frame
from csc_server.activation.messages import (
    LANES,
    PARTS,
    UNREACHABLE,
    Activate,
    Activated,
    Answer,
    Approve,
    Authorize,
    Begin,
    Begun,
    CredentialDescription,
    CredentialDescriptions,
    DescribeCredential,
    Done,
    Extend,
    Health,
    Lane,
    ListCredentials,
    Minted,
    Ping,
    Refused,
    Request,
    Sign,
    Signed,
    Unavailable,
    VoidApproval,
    decode_answer,
    encode,
)
from csc_server.activation.peer import peer_uid
from csc_server.errors import MalformedInputError, RefusedError, UnavailableError
from csc_server.values import Refusal

ANSWER_MARGIN = 0.8
"""Seconds beyond the device's own deadline until a caller is told that the signer does not answer (RL-04)."""
EACH_HASH = 0.03
"""Seconds a batch may take for each of its hashes: five times RSA-4096 in software."""
LONGEST = 30.0
"""Seconds at most for a whole request, a batch included."""
HEALTH_DEADLINE = 2.0

_AnswerT = TypeVar("_AnswerT")


def socket_path(socket_dir: Path, lane: Lane, index: int) -> Path:
    """Return where the worker of a lane listens."""
    return socket_dir / f"{lane.value}-{index}.sock"


class WorkerConnection:
    """One thread's connection to one worker; opened when needed, dropped after any failure."""

    def __init__(self, path: Path, signer_uid: int) -> None:
        self._path = path
        self._signer_uid = signer_uid
        self._socket: socket.socket | None = None

    def call(self, body: bytes, deadline: float) -> bytes:
        """Send one frame and return the answer's body, or raise UnavailableError."""
        connection = self._connected(deadline)
        try:
            connection.settimeout(deadline)
            connection.sendall(body)
            answer = receive_frame(connection)
        except (OSError, FrameError) as error:
            self._drop()
            raise UnavailableError("signer") from error
        except BaseException:
            self._drop()  # its answer, still to come, must not be the next call's
            raise
        if answer is None:
            self._drop()
            raise UnavailableError("signer")
        return answer

    def _connected(self, deadline: float) -> socket.socket:
        if self._socket is not None and select.select([self._socket], [], [], 0)[0]:
            self._drop()  # readable between two calls: the worker closed it
        if self._socket is None:
            self._socket = self._connect(deadline)
        return self._socket

    def _connect(self, deadline: float) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.settimeout(deadline)
            connection.connect(str(self._path))
            trusted = peer_uid(connection) == self._signer_uid
        except OSError as error:
            connection.close()
            raise UnavailableError("signer") from error
        if not trusted:
            connection.close()
            raise UnavailableError("signer", "another user listens on the signer's socket")
        return connection

    def _drop(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


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


class SignerClient:
    """The Activation port over sockets; safe to share between threads."""

    def __init__(
        self,
        socket_dir: Path,
        signing_workers: int,
        evidence_workers: int,
        signer_uid: int,
        call_deadline: float = 3.0,
    ) -> None:
        self._deadline = call_deadline + ANSWER_MARGIN
        workers = {Lane.SIGN: signing_workers, Lane.REGISTRY: 1, Lane.EVIDENCE: evidence_workers}
        self._lanes = {lane: LaneClient(socket_dir, lane, number, signer_uid) for lane, number in workers.items()}

    def describe(self, request: DescribeCredential) -> CredentialDescription:
        return self._call(request, CredentialDescription)

    def list_credentials(self, request: ListCredentials) -> CredentialDescriptions:
        return self._call(request, CredentialDescriptions)

    def begin(self, request: Begin) -> Begun:
        return self._call(request, Begun)

    def approve(self, request: Approve) -> None:
        self._call(request, Done)

    def activate(self, request: Activate) -> Activated:
        return self._call(request, Activated)

    def void_approval(self, request: VoidApproval) -> None:
        self._call(request, Done)

    def authorize(self, request: Authorize) -> Minted:
        return self._call(request, Minted)

    def extend(self, request: Extend) -> Minted:
        return self._call(request, Minted)

    def sign(self, request: Sign) -> Signed:
        return self._call(request, Signed)

    def health(self) -> list[Health]:
        body = frame(encode(Ping()))
        states = []
        for lane, client in self._lanes.items():
            for index, answer in enumerate(client.call_each(body, HEALTH_DEADLINE)):
                states.append(_health(f"{lane.value}-{index}", answer))
        return states

    def _call(self, request: Request, expected: type[_AnswerT]) -> _AnswerT:
        hashes = len(request.hashes) if isinstance(request, Sign) else 0
        deadline = min(self._deadline + EACH_HASH * hashes, LONGEST)
        body = self._lanes[LANES[type(request)]].call(frame(encode(request)), deadline)
        answer = _decoded(body)
        if isinstance(answer, expected):
            return answer
        if isinstance(answer, Refused):
            raise RefusedError(Refusal(answer.refusal), answer.message)
        if isinstance(answer, Unavailable):
            raise UnavailableError(answer.component, retry_after=answer.retry_after)
        raise UnavailableError("signer", "the signer gave an answer of another kind")


def _decoded(body: bytes) -> Answer:
    try:
        return decode_answer(body)
    except MalformedInputError as error:
        raise UnavailableError("signer") from error


def _health(worker: str, body: bytes | None) -> Health:
    answer = _decoded(body) if body is not None else None
    if isinstance(answer, Health):
        return answer
    return Health(worker, 0, **dict.fromkeys(PARTS, UNREACHABLE))
