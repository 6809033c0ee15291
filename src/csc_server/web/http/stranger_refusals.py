"""Refusals that anybody can cause at will: counted, and audited once per reason, subject and minute.

Those of callers nobody knows yet, by address block, and those of rate limits, by who ran into one. One audit
row for each would let a stranger fill the audit; none would hide an attack (decision 14).
 Counts of a minute are written with the first refusal of a later one, or by `flush`.
"""

from collections import Counter
from collections.abc import Callable
from threading import Lock

from csc_server.audit.chain import Record
from csc_server.audit.events import Event, Outcome
from csc_server.audit.log import AuditLog
from csc_server.clock import Clock

STRANGERS = "csc_server.strangers"
"""Under this name an application keeps its counter, in `extensions`."""

MAX_KEYS = 1024
"""Distinct pairs of reason and subject kept in one minute; what is beyond counts under no subject."""

_Key = tuple[Event, str, tuple[tuple[str, str], ...]]
"""An event, its reason, and who it was about as name and value of audit fields."""


class StrangerRefusals:
    """Counts refusals before authentication and those of rate limits; thread-safe.

    Args:
        audit: gets the counts.
        clock: whose minutes they are kept by.
        on_stranger: told of each stranger's refusal; rate limits count them by address.
    """

    def __init__(self, audit: AuditLog, clock: Clock, on_stranger: Callable[[], None] | None = None) -> None:
        self._audit = audit
        self._clock = clock
        self._lock = Lock()
        self._minute = 0
        self._counts: Counter[_Key] = Counter()
        self.on_stranger = on_stranger

    def count(self, reason: str, block: str) -> None:
        """Count one refusal of a stranger.

        Args:
            reason: one of a closed set: a method and an error text, never input.
            block: the caller's network, see `peer.address_block`.

        Raises:
            UnavailableError: the counts of an earlier minute cannot be written; they are kept.
        """
        self._count((Event.STRANGERS_REFUSED, reason, (("address", block),)))
        if self.on_stranger is not None:
            self.on_stranger()

    def count_limited(self, rule: str, **subject: str) -> None:
        """Count one refusal of a rate limit; `subject` are audit fields that say who ran into it.

        Raises:
            UnavailableError: as `count`.
        """
        self._count((Event.RATE_LIMITED, rule, tuple(subject.items())))

    def write_what_is_over(self) -> None:
        """Write the counts of a minute that is over, if no refusal came since that did."""
        if self._clock.seconds() // 60 != self._minute:
            self.flush()

    def flush(self) -> None:
        """Write what was counted so far: at the end of a process."""
        with self._lock:
            self._write()

    def _count(self, key: _Key) -> None:
        minute = self._clock.seconds() // 60
        with self._lock:
            if minute != self._minute:
                self._write()
                self._minute = minute
            known = key in self._counts or len(self._counts) < MAX_KEYS
            self._counts[key if known else (*key[:2], ())] += 1

    def _write(self) -> None:
        """Write one record a reason and subject, in one transaction, and forget them."""
        if not self._counts:
            return
        minute = self._minute * 60
        self._audit.record_all(
            [
                Record(event, Outcome.REFUSED, {"reason": reason, **dict(subject), "count": count, "minute": minute})
                for (event, reason, subject), count in self._counts.items()
            ]
        )
        self._counts.clear()
