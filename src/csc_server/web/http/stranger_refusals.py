"""Refusals of callers nobody knows yet: counted, and audited once per reason, address block and minute.

One audit row for each would let a stranger fill the audit; none would hide an attack (architecture,
decision 14). Counts of a minute are written with the first refusal of a later one, or by `flush`.
"""

from collections import Counter
from threading import Lock

from csc_server.audit.events import Event, Outcome
from csc_server.audit.log import AuditLog
from csc_server.clock import Clock

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
        """
        minute = self._clock.seconds() // 60
        with self._lock:
            due = self._take() if minute != self._minute else {}
            started, self._minute = self._minute, minute
            key = (reason, block) if (reason, block) in self._counts or len(self._counts) < MAX_KEYS else (reason, "")
            self._counts[key] += 1
        self._write(due, started)

    def flush(self) -> None:
        """Write what was counted so far: at the end of a process."""
        with self._lock:
            due = self._take()
            started = self._minute
        self._write(due, started)

    def _take(self) -> dict[tuple[str, str], int]:
        due = dict(self._counts)
        self._counts.clear()
        return due

    def _write(self, due: dict[tuple[str, str], int], minute: int) -> None:
        for (reason, block), count in due.items():
            self._audit.record(
                Event.STRANGERS_REFUSED, Outcome.REFUSED, reason=reason, address=block, count=count, minute=minute * 60
            )
