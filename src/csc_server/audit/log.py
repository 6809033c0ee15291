"""Web's own audit: one chain a process, written by many threads."""

import threading
from collections.abc import Sequence

from csc_server.audit.chain import Chain, Record
from csc_server.audit.events import Event, Outcome
from csc_server.clock import Clock
from csc_server.storage.ports.web import WebAuditStore
from csc_server.wire import Json


class AuditLog:
    """Appends records to web's audit. A record that cannot be written raises UnavailableError (AD-05)."""

    def __init__(self, store: WebAuditStore, writer: str, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._writer = writer
        self._chain = Chain(writer, store.chain_head(writer))
        self._is_certain = True
        self._lock = threading.Lock()

    def record(self, event: Event, outcome: Outcome, **fields: Json) -> None:
        """Write one record, durable when this returns."""
        self.record_all([Record(event, outcome, fields)])

    def record_all(self, records: Sequence[Record]) -> None:
        """Write several records in one transaction, durable when this returns.

        After a failure nobody knows whether the rows arrived: the end of the chain is read anew.
        """
        with self._lock:
            if not self._is_certain:
                self._chain = Chain(self._writer, self._store.chain_head(self._writer))
            self._is_certain = False
            rows = self._chain.extend(records, self._clock.milliseconds())
            self._store.append_audit(rows)
            self._chain.accept(rows)
            self._is_certain = True
