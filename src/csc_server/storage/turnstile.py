"""A fair queue before SQLite's write lock.

SQLite's busy handler sleeps longer and longer while others pass: a writer was seen to wait 1.5 s. Here a
writer queues at one file lock, and holds another while it writes. Who leaves must queue again behind the one
that already waits for its turn. The kernel wakes the waiters of a file lock in the order they came, and frees
the locks of a process that dies.
"""

import fcntl
import os
import time
import weakref
from pathlib import Path

from csc_server.errors import UnavailableError

LONGEST_WRITE = 5.0
"""Seconds after which a writer in front is taken for hung."""
_FIRST_PAUSE, _LONGEST_PAUSE = 50e-6, 1e-3
_OPEN = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC


class Turnstile:
    """One connection's place at the turnstile of a database file; not for use by two threads at once."""

    def __init__(self, database: Path) -> None:
        self._queue = os.open(f"{database}-queue", _OPEN, 0o600)
        self._turn = os.open(f"{database}-turn", _OPEN, 0o600)
        self.close = weakref.finalize(self, _close, self._queue, self._turn)
        """Closes the files, at the latest when a connection that nobody closed is collected."""

    def __enter__(self) -> None:
        fcntl.flock(self._queue, fcntl.LOCK_EX)
        try:
            self._wait_for_turn()
        finally:
            fcntl.flock(self._queue, fcntl.LOCK_UN)

    def __exit__(self, *_: object) -> None:
        fcntl.flock(self._turn, fcntl.LOCK_UN)

    def _wait_for_turn(self) -> None:
        """Only the first of the queue gets here, so its short polling disturbs nobody and keeps the wait bounded."""
        pause, end = _FIRST_PAUSE, 0.0
        while True:
            try:
                fcntl.flock(self._turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                now = time.monotonic()
                end = end or now + LONGEST_WRITE
                if now >= end:
                    raise UnavailableError("database", "a writer does not finish") from None
                time.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
            else:
                return


def _close(*files: int) -> None:
    for file in files:
        os.close(file)
