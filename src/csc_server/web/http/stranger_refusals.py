"""Refusals of callers nobody knows yet: counted, and audited once per reason, address block and minute.

One audit row for each would let a stranger fill the audit; none would hide an attack (decision 14).
 Counts of a minute are written with the first refusal of a later one, or by `flush`.
"""

from collections import Counter
from threading import Lock

from csc_server.audit.chain import Record
from csc_server.audit.events import Event, Outcome
from csc_server.audit.log import AuditLog
from csc_server.clock import Clock

STRANGERS = "csc_server.strangers"
"""Under this name an application keeps its counter, in `extensions`."""

MAX_KEYS = 1024
"""Distinct pairs of reason and block kept in one minute; what is beyond counts under no block."""


class StrangerRefusals:
    """Counts refusals before authentication; thread-safe."""

    def __init__(self, audit: AuditLog, clock: Clock) -> None:
        self._audit = audit
        self._clock = clock
        self._lock = Lock()
        self._minute = 0
        self._counts: Counter[tuple[str, str]] = Counter()

    def count(self, reason: str, block: str) -> None:
        """Count one refusal.

        Args:
            reason: one of a closed set: a method and an error text, never input.
            block: the caller's network, see `peer.address_block`.

        Raises:
            UnavailableError: the counts of an earlier minute cannot be written; they are kept.
        """
        minute = self._clock.seconds() // 60
        with self._lock:
            if minute != self._minute:
                self._write()
                self._minute = minute
            key = (reason, block) if (reason, block) in self._counts or len(self._counts) < MAX_KEYS else (reason, "")
            self._counts[key] += 1

    def flush(self) -> None:
        """Write what was counted so far: at the end of a process."""
        with self._lock:
            self._write()

    def _write(self) -> None:
        """Write one record a reason and block, in one transaction, and forget them."""
        if not self._counts:
            return
        minute = self._minute * 60
        self._audit.record_all(
            [
                Record(
                    Event.STRANGERS_REFUSED,
                    Outcome.REFUSED,
                    {"reason": reason, "address": block, "count": count, "minute": minute},
                )
                for (reason, block), count in self._counts.items()
            ]
        )
        self._counts.clear()
