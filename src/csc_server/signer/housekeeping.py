"""What the registry worker does when nobody asks: it purges dead rows, one bounded batch between two requests."""

import logging

from csc_server.clock import Clock
from csc_server.errors import UnavailableError
from csc_server.storage.ports.purge import PurgeStore

log = logging.getLogger(__name__)

PERIOD = 600.0
"""Seconds from a look that found nothing to the next."""
BATCH = 100
"""Rows of a table in one transaction: a signature never waits long for it."""


class IdlePurge:
    """Called whenever the worker has waited for requests in vain."""

    def __init__(self, store: PurgeStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._next = clock.monotonic() + PERIOD

    def __call__(self) -> None:
        """Remove one batch if it is time; a batch that found something lets the next idle moment go on."""
        if self._clock.monotonic() < self._next:
            return
        removed = 0
        try:
            removed = sum(self._store.purge(self._clock.seconds(), BATCH).values())
        except UnavailableError as error:
            log.warning("no purge: %s", error.message)
        if not removed:
            self._next = self._clock.monotonic() + PERIOD
