"""How a signing worker takes its slot: it raises the epoch, then settles what older workers left open.

The order is decision 26 b: from the raised epoch on, nothing that an older worker begins can commit.
"""

from collections.abc import Callable

from csc_server.audit.chain import Chain, Record
from csc_server.audit.events import Event
from csc_server.clock import Clock
from csc_server.signer.place import Place
from csc_server.signer.signing.records import sign_indeterminate
from csc_server.storage.ports.signer import SigningStore, SigningTransaction, WorkerIdentity


class OwnedSlot:
    """A slot that this worker has taken, and the audit chain that goes with it."""

    def __init__(self, store: SigningStore, place: Place, worker: WorkerIdentity, chain: Chain, clock: Clock) -> None:
        self.worker = worker
        self.chain = chain
        self._store = store
        self._place = place
        self._clock = clock

    def recover(self, worker: WorkerIdentity | None = None) -> None:
        """Settle the intents that older workers of this slot, or of one left behind, have open (SA-04)."""
        owner = worker or self.worker
        started = self._place.record(Event.STARTED, owner.epoch)
        self._write(owner, lambda transaction: [started, *map(sign_indeterminate, transaction.recover())])

    def stop(self) -> None:
        """Write the worker's last record (AD-01)."""
        self._write(self.worker, lambda _: [self._place.record(Event.STOPPED, self.worker.epoch)])

    def _write(self, worker: WorkerIdentity, records: Callable[[SigningTransaction], list[Record]]) -> None:
        with self._store.begin_signing(worker, self._clock.seconds()) as transaction:
            rows = self.chain.extend(records(transaction), self._clock.milliseconds())
            transaction.append_audit(rows)
        self.chain.accept(rows)


def take_slot(
    store: SigningStore, node: str, signing_workers: int, place: Place, chain: Chain, clock: Clock
) -> OwnedSlot:
    """Take the own slot and, as the first worker, settle those that a node with more workers has left behind.

    Raises:
        UnavailableError: the store is away, or the clock stands behind what the slot has seen (SA-09).
    """
    left_behind = [slot for slot in store.slots(node) if slot >= signing_workers] if place.index == 0 else []
    abandoned = [store.raise_epoch(node, slot) for slot in left_behind]
    owned = OwnedSlot(store, place, store.raise_epoch(node, place.index), chain, clock)
    for worker in abandoned:
        owned.recover(worker)
    owned.recover()
    return owned
