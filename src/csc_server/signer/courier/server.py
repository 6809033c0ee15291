"""The courier's process: takes codes from the signer's workers and brings them, one after the other.

A code waits in memory alone. What could not be brought is logged without code and address, and is not tried
again: the signer asks for another one.
"""

import contextlib
import logging
import queue
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from csc_server.activation.framing import FrameError, frame, receive_frame
from csc_server.activation.peer import peer_uid
from csc_server.errors import MalformedInputError
from csc_server.settings import CourierSettings
from csc_server.signer.courier.port import Delivery
from csc_server.signer.courier.transports import DeliveryError, Transport, make_transport
from csc_server.wire import dump_json, parse_object

MAX_WAITING = 100
"""Codes that may wait while a mail server is slow; whoever asks then is told to come back."""
READ_DEADLINE = 1.0
"""Seconds in which a worker, which has its code at hand, must have sent it."""
IDLE = 0.5
"""Seconds between two looks at the signals."""

log = logging.getLogger(__name__)


def run(settings: CourierSettings) -> None:
    """Serve until SIGTERM or SIGINT."""
    stopping = threading.Event()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    with listening(settings.socket) as listener:
        CourierServer(listener, settings.signer_uid, make_transport(settings)).serve(stopping)


@contextlib.contextmanager
def listening(path: Path) -> Iterator[socket.socket]:
    """Open the socket; the folder decides who may reach it, the peer's uid who may speak."""
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        path.chmod(0o666)  # any local user may connect; only the signer's uid is served
        listener.listen(16)
        listener.settimeout(IDLE)
        yield listener
    path.unlink(missing_ok=True)


class CourierServer:
    """One thread takes codes, another brings them."""

    def __init__(self, listener: socket.socket, signer_uid: int, transport: Transport) -> None:
        self._listener = listener
        self._signer_uid = signer_uid
        self._transport = transport
        self._waiting: queue.Queue[Delivery | None] = queue.Queue(MAX_WAITING)

    def serve(self, stopping: threading.Event) -> None:
        """Take codes until told to stop; what was taken is still brought."""
        bringing = threading.Thread(target=self._bring)
        bringing.start()
        while not stopping.is_set():
            with contextlib.suppress(TimeoutError):
                connection, _ = self._listener.accept()
                with connection:
                    self._take(connection)
        self._waiting.put(None)
        bringing.join()

    def _take(self, connection: socket.socket) -> None:
        if peer_uid(connection) != self._signer_uid:
            return
        connection.settimeout(READ_DEADLINE)
        try:
            body = receive_frame(connection)
            if body is not None:
                connection.sendall(frame(dump_json({"taken": self._put(read_delivery(body))})))
        except (OSError, FrameError, MalformedInputError) as error:
            log.warning("the courier drops a connection: %s", type(error).__name__)

    def _put(self, delivery: Delivery) -> bool:
        try:
            self._waiting.put_nowait(delivery)
        except queue.Full:
            return False
        return True

    def _bring(self) -> None:
        while (delivery := self._waiting.get()) is not None:
            try:
                self._transport.send(delivery)
            except Exception as error:  # noqa: BLE001 one code that fails must not end those behind it
                why = error.message if isinstance(error, DeliveryError) else type(error).__name__  # no text of others
                log.error("a code for %s was not brought: %s", delivery.credential_id, why)  # noqa: TRY400


_MEMBERS = {"address": str, "code": str, "credential_id": str, "lifetime": int}


def read_delivery(body: bytes) -> Delivery:
    """Return what a frame holds, else raise MalformedInputError."""
    members: dict[str, Any] = parse_object(body)
    if members.keys() != _MEMBERS.keys() or any(type(members[name]) is not kind for name, kind in _MEMBERS.items()):
        raise MalformedInputError("not a delivery")
    return Delivery(**members)
