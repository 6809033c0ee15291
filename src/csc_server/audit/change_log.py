"""Changes of a store that carry their audit records with them: both are durable, or neither (AD-05)."""

from collections.abc import Callable, Sequence
from typing import Protocol

from csc_server.audit.chain import Chain, Record
from csc_server.clock import Clock
from csc_server.storage.ports.audit import AuditRow, ChainHead


class ChainStore(Protocol):
    """A store that knows where its chains end."""

    def chain_head(self, writer: str) -> ChainHead: ...


class ChangeLog:
    """One audit writer, used by one thread at a time."""

    def __init__(self, store: ChainStore, clock: Clock, writer: str) -> None:
        self._store = store
        self._clock = clock
        self._writer = writer
        self._chain: Chain | None = None

    def write(self, records: Sequence[Record], change: Callable[[Sequence[AuditRow]], None]) -> None:
        """Make a change of the store with its records.

        After a failure nobody knows whether the rows arrived: the end of the chain is read anew.
        """
        chain = self._chain or Chain(self._writer, self._store.chain_head(self._writer))
        self._chain = None
        rows = chain.extend(records, self._clock.milliseconds())
        change(rows)
        chain.accept(rows)
        self._chain = chain
