"""Keeps the workers of the signer alive: forks, watches, kills what hangs, starts again (RL-04).

The supervisor itself opens neither the store nor the device: both belong to a process of their own after
the fork (a child may not go on with its parent's PKCS#11 context, PKCS#11 v2.20, 6.6.1).
"""

import ctypes
import logging
import os
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import FrameType

from csc_server.signer.device.watched import CallStamps

POLL = 0.02
"""Seconds between two looks at the workers."""
STOP_DEADLINE = 5.0
"""Seconds a worker may take to finish its group at the end."""
LONGEST_SILENCE = 30.0
"""Seconds without a beat: a request may take as long at most, and a worker beats at each call of its device."""
QUICK_DEATH = 1.0
MAX_BACKOFF = 1.0
"""A worker that dies within a second of its start waits up to this many seconds for its next one."""

_PR_SET_PDEATHSIG = 1
"""prctl(2): a worker dies with its supervisor, so none is left that nobody watches."""

log = logging.getLogger(__name__)


@dataclass
class Worker:
    """A place for a worker process: its listening socket stays open over restarts, so callers can queue."""

    name: str
    listener: socket.socket
    run: Callable[[socket.socket], None]
    pid: int = 0
    started_at: float = 0.0
    start_after: float = field(default=0.0)
    deaths: int = 0


class Supervisor:
    """Runs one process per worker until SIGTERM or SIGINT."""

    def __init__(
        self, workers: list[Worker], stamps: CallStamps, call_deadline: float, longest_silence: float = LONGEST_SILENCE
    ) -> None:
        self._workers = workers
        self._stamps = stamps
        self._call_deadline = call_deadline
        self._longest_silence = longest_silence
        self._stopping = False

    def run(self) -> None:
        """Block until told to stop; every worker has ended when this returns."""
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        while not self._stopping:
            self._start_missing()
            self._kill_hung()
            self._reap()
            time.sleep(POLL)
        self._end_all()

    def _stop(self, _signal: int, _frame: FrameType | None) -> None:
        self._stopping = True

    def _start_missing(self) -> None:
        now = time.monotonic()
        for index, worker in enumerate(self._workers):
            if not worker.pid and now >= worker.start_after and not self._stopping:
                self._stamps.leave(index)
                self._stamps.rest(index)
                worker.pid = self._fork(worker)
                worker.started_at = now

    def _fork(self, worker: Worker) -> int:
        parent = os.getpid()
        pid = os.fork()
        if pid:
            return pid
        status = 1
        try:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)  # until the worker sets its own: none may be lost
            _die_with_parent(parent)
            worker.run(worker.listener)
            status = 0
        except BaseException:
            log.exception("worker %s ends", worker.name)
        finally:
            os._exit(status)

    def _kill_hung(self) -> None:
        for index, worker in enumerate(self._workers):
            if not worker.pid:
                continue
            if self._stamps.age(index) > self._call_deadline:
                log.error("worker %s hangs in a device call and is killed", worker.name)
                _signal(worker.pid, signal.SIGKILL)
            elif self._stamps.silence(index) > self._longest_silence:
                log.error("worker %s spins and is killed", worker.name)
                _signal(worker.pid, signal.SIGKILL)

    def _reap(self) -> None:
        for worker in self._workers:
            if worker.pid and os.waitpid(worker.pid, os.WNOHANG)[0]:
                now = time.monotonic()
                worker.deaths = worker.deaths + 1 if now - worker.started_at < QUICK_DEATH else 0
                worker.start_after = now + min(MAX_BACKOFF, 0.05 * 2**worker.deaths if worker.deaths else 0.0)
                worker.pid = 0

    def _end_all(self) -> None:
        for worker in self._workers:
            _signal(worker.pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_DEADLINE
        while any(worker.pid for worker in self._workers):
            if time.monotonic() > deadline:
                for worker in self._workers:
                    _signal(worker.pid, signal.SIGKILL)
            self._reap()
            time.sleep(POLL)


def _signal(pid: int, number: signal.Signals) -> None:
    if pid:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            log.debug("process %d has ended already", pid)


def _die_with_parent(parent: int) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)
