"""The Courier port over the courier's UNIX socket: one connection a code, one frame each way."""

import socket
from dataclasses import asdict
from pathlib import Path

from csc_server.activation.framing import FrameError, frame, receive_frame
from csc_server.activation.peer import peer_uid
from csc_server.errors import MalformedInputError, UnavailableError
from csc_server.signer.courier.port import Delivery
from csc_server.wire import dump_json, parse_object

DEADLINE = 1.0
"""Seconds: the courier only puts the code into its queue before it answers."""


class CourierClient:
    """Hands codes over; a courier of another user is none."""

    def __init__(self, path: Path, courier_uid: int) -> None:
        self._path = path
        self._courier_uid = courier_uid

    def deliver(self, delivery: Delivery) -> None:
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(DEADLINE)
                connection.connect(str(self._path))
                if peer_uid(connection) != self._courier_uid:
                    raise UnavailableError("courier", "another user listens on the courier's socket")
                connection.sendall(frame(dump_json(asdict(delivery))))
                answer = receive_frame(connection)
                if answer is None or parse_object(answer).get("taken") is not True:
                    raise UnavailableError("courier")
        except (OSError, FrameError, MalformedInputError) as error:
            raise UnavailableError("courier") from error
