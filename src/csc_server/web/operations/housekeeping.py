"""What a web process does beside requests, in a thread of its own: write counts of refusals, purge dead rows.

All processes look, and the store lets the first one of each period purge, so that the rest of the nodes do not.
"""

import hashlib
import threading
from typing import Protocol

import structlog

from csc_server.clock import Clock
from csc_server.errors import UnavailableError
from csc_server.storage.ports.purge import PurgeStore
from csc_server.storage.ports.rates import RateStore
from csc_server.web.http.stranger_refusals import StrangerRefusals

LOOK = 30.0
"""Seconds between two looks."""
PERIOD = 10
"""Minutes between two purges."""
BATCH = 200
"""Rows of a table in one transaction: a few milliseconds of the database's only writer on SQLite."""
MOST_BATCHES = 500
"""In one period; what is left waits for the next."""
PAUSE = 0.05
"""Seconds between two batches, for everybody else."""

_PURGE = hashlib.sha256(b"duty\0purge").digest()
_log = structlog.get_logger("csc_server.web")


class HousekeepingStore(RateStore, PurgeStore, Protocol):
    """What the thread needs of web's store."""


class Housekeeping:
    """The thread; it ends with its process, or by `stop`."""

    def __init__(self, store: HousekeepingStore, clock: Clock, refusals: StrangerRefusals, look: float = LOOK) -> None:
        self._store = store
        self._clock = clock
        self._refusals = refusals
        self._interval = look
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="housekeeping", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End the thread between two batches."""
        self._stopped.set()

    def join(self, timeout: float) -> None:
        """Wait until it has ended."""
        self._thread.join(timeout)

    def look(self) -> int:
        """Do what is due now; return how many rows were removed."""
        self._refusals.write_what_is_over()
        return self._purge() if self._is_first() else 0

    def _run(self) -> None:
        while not self._stopped.wait(self._interval):
            try:
                self.look()
            except UnavailableError as error:
                _log.warning("housekeeping", component=error.component)

    def _is_first(self) -> bool:
        minute = self._clock.seconds() // 60
        return self._store.add_requests(_PURGE, minute - minute % PERIOD, 1) == 1

    def _purge(self) -> int:
        total = 0
        for _ in range(MOST_BATCHES):
            removed = sum(self._store.purge(self._clock.seconds(), BATCH).values())
            total += removed
            if not removed or self._stopped.wait(PAUSE):
                break
        return total
