"""One worker process: opens its store and device after the fork, recovers its slot, serves its lane.

A worker whose device cannot be opened stays and answers 'device unavailable' before anything is spent; it
tries again with the requests that come. A worker whose device failed in a call ends, and its successor
starts afresh (RL-04).
"""

import logging
import signal
import socket
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from types import FrameType

from csc_server.activation.messages import OK, PARTS, Answer, Health, Ping, Request, Sign, Unavailable
from csc_server.clock import Clock
from csc_server.errors import UnavailableError
from csc_server.memory import settle
from csc_server.signer.device.watched import CallStamps
from csc_server.signer.server import WorkerServer
from csc_server.signer.service import Service

log = logging.getLogger(__name__)

OPEN_AGAIN_AFTER = 0.5
"""Seconds between two tries to open a device that is away."""
IDLE = 0.5
"""Seconds a worker waits for requests before it looks at its signals."""
GROUP_LIMIT = 64
"""Weight of a group: hashes to sign, so that one group never takes much longer than its first request."""


def weigh(request: Request) -> int:
    """Return how much of a group a request takes."""
    return max(1, len(request.hashes)) if isinstance(request, Sign) else 1


class Watch:
    """How a worker is seen from outside; this one is by nobody."""

    def beat(self) -> None:
        """The loop came round."""

    def rest(self) -> None:
        """There is no loop any more."""

    def opening(self) -> AbstractContextManager[None]:
        """What is done meanwhile rightly takes long."""
        return nullcontext()


@dataclass(frozen=True)
class StampedWatch(Watch):
    """Beats in the memory that the supervisor looks at."""

    stamps: CallStamps
    worker: int

    def beat(self) -> None:
        self.stamps.beat(self.worker)

    def rest(self) -> None:
        self.stamps.rest(self.worker)

    def opening(self) -> AbstractContextManager[None]:
        return self.stamps.unwatched(self.worker)


@dataclass
class LazyService:
    """The worker's service, opened when first needed and again after the device was away."""

    name: str
    open: Callable[[], Service]
    clock: Clock
    service: Service | None = None
    watch: Watch = field(default_factory=Watch)
    tried_at: float = float("-inf")
    component: str = "device"

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        """Answer a group, or say what is away."""
        service = self._opened()
        if service is None:
            return [self._away(request) for request in requests]
        return service.answer(requests)

    def work(self) -> None:
        if self.service is not None:
            self.service.work()

    @property
    def owes(self) -> bool:
        return self.service is not None and self.service.owes

    @property
    def must_end(self) -> bool:
        return self.service is not None and self.service.must_end

    def stop(self) -> None:
        """Write the last record, if the store still takes one."""
        if self.service is not None:
            try:
                self.service.stop()
            except UnavailableError as error:
                log.warning("worker %s ends without its last record: no %s", self.name, error.component)

    def _opened(self) -> Service | None:
        if self.service is None and self.clock.monotonic() - self.tried_at >= OPEN_AGAIN_AFTER:
            self.tried_at = self.clock.monotonic()
            try:
                with self.watch.opening():
                    self.service = self.open()
            except UnavailableError as error:
                self.component = error.component
        return self.service

    def _away(self, request: Request) -> Answer:
        if isinstance(request, Ping):
            states = dict.fromkeys(PARTS, OK) | {self.component: "unavailable"}
            return Health(self.name, 0, **states)
        return Unavailable(self.component, 1)


def serve(
    listener: socket.socket,
    allowed_uids: Sequence[int],
    service: LazyService,
    idle: Callable[[], None] | None = None,
) -> None:
    """Serve a lane until SIGTERM, or until the device failed; the group at hand is always finished and answered.

    Args:
        listener: where web connects.
        allowed_uids: who may (AR-03).
        service: of the lane.
        idle: called when nobody asked for anything for a while.
    """
    stopping = False

    def stop(_signal: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    server = WorkerServer(listener, allowed_uids, service, GROUP_LIMIT, weigh)
    service.answer([Ping()])
    settle()
    while not stopping and not service.must_end:
        service.watch.beat()
        if not server.serve_once(IDLE) and idle is not None:
            idle()
    service.watch.rest()
    server.finish()
    service.stop()
