"""Composition root of the signer: the only place that names its adapters.

`run` forks one process a worker: K signing workers, evidence workers for the slow work of PINs, and one
registry worker. Nothing here, and nothing below, opens a network connection (AR-05).
"""

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from csc_server.activation.lanes import socket_path
from csc_server.activation.messages import OK, PARTS, Health, Lane
from csc_server.audit.chain import Chain, Record
from csc_server.audit.events import Event, Outcome
from csc_server.clock import Clock, SystemClock
from csc_server.errors import UnavailableError
from csc_server.settings import SignerSettings
from csc_server.signer.device.pkcs11 import open_device
from csc_server.signer.device.port import DeviceFaultError, KeyDevice
from csc_server.signer.device.watched import CallStamps, WatchedDevice
from csc_server.signer.identity.evidence import EvidenceVerifier
from csc_server.signer.service import ActivationService, Service, SigningService
from csc_server.signer.signing.activation import ActivationLimits, ActivationOperations, Journal
from csc_server.signer.signing.credential import Credentials, UnusableCredentialError
from csc_server.signer.signing.records import sign_indeterminate
from csc_server.signer.signing.sad import Lifetime, SadMinter
from csc_server.signer.signing.sign import Signing
from csc_server.signer.supervisor import Supervisor, Worker
from csc_server.signer.worker import LazyService, serve
from csc_server.storage.engine import make_engine
from csc_server.storage.ports.signer import LockLimits, SigningTransaction, WorkerIdentity
from csc_server.storage.signer_store import SqlSignerStore
from csc_server.values import CredentialState

BACKLOG = 256


@dataclass(frozen=True)
class Place:
    """Where a worker stands: its lane, its number there, and its number among all workers."""

    lane: Lane
    index: int
    number: int

    @property
    def name(self) -> str:
        return f"{self.lane.value}-{self.index}"


def run(settings: SignerSettings) -> None:
    """Run the signer until SIGTERM or SIGINT.

    Sockets are `{socket_dir}/{lane}-{index}.sock`; the folder decides who may reach them, the peer's uid
    who may speak.
    """
    settings.socket_dir.mkdir(mode=0o711, parents=True, exist_ok=True)
    places = _places(settings)
    stamps = CallStamps(len(places))
    workers = [
        Worker(place.name, _listen(settings, place), partial(_run_worker, settings, place, stamps)) for place in places
    ]
    Supervisor(workers, stamps, settings.device.call_deadline).run()
    for worker in workers:
        worker.listener.close()


def _places(settings: SignerSettings) -> list[Place]:
    numbers = {Lane.SIGN: settings.signing_workers, Lane.REGISTRY: 1, Lane.EVIDENCE: settings.evidence_workers}
    pairs = [(lane, index) for lane, number in numbers.items() for index in range(number)]
    return [Place(lane, index, number) for number, (lane, index) in enumerate(pairs)]


def _listen(settings: SignerSettings, place: Place) -> socket.socket:
    path = socket_path(settings.socket_dir, place.lane, place.index)
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    path.chmod(0o666)  # any local user may connect; only the configured uids are served (AR-03)
    listener.listen(BACKLOG)
    return listener


def _run_worker(settings: SignerSettings, place: Place, stamps: CallStamps, listener: socket.socket) -> None:
    clock = SystemClock()
    store = SqlSignerStore(make_engine(settings.database_url))
    openers: dict[Lane, Callable[[], Service]] = {
        Lane.SIGN: SigningOpener(settings, place, stamps, store, clock).open,
        Lane.REGISTRY: partial(_open_activation, settings, place, stamps, store, clock),
        Lane.EVIDENCE: partial(_open_activation, settings, place, stamps, store, clock),
    }
    if place.lane is Lane.EVIDENCE:
        os.nice(5)  # a PIN costs 150 ms of CPU; signatures that are already approved go first
    serve(listener, settings.web_uids, LazyService(place.name, openers[place.lane], clock))


class SigningOpener:
    """Opens the service of a signing worker: first epoch and recovery, then the device."""

    def __init__(
        self, settings: SignerSettings, place: Place, stamps: CallStamps, store: SqlSignerStore, clock: Clock
    ) -> None:
        self._settings = settings
        self._place = place
        self._stamps = stamps
        self._store = store
        self._clock = clock
        self._owner: tuple[WorkerIdentity, Chain] | None = None

    def open(self) -> Service:
        """Return the service; UnavailableError while the store or the device is away."""
        if self._owner is None:
            self._owner = self._take_slot()
        worker, chain = self._owner
        device = _open_watched(self._settings, self._place, self._stamps)
        credentials = Credentials(device, device.keys())
        max_hashes = self._settings.limits.hashes_per_request
        signing = Signing(self._store, device, credentials, chain, self._clock, worker, max_hashes)
        health = partial(_health, self._place, worker.epoch, device, chain, self._store)
        return SigningService(signing, health, self._stop)

    def _take_slot(self) -> tuple[WorkerIdentity, Chain]:
        """Take the own slot and, as the first worker, those that a node with more workers has left behind."""
        chain = _chain(self._settings, self._place, self._store)
        if self._place.index == 0:
            for slot in self._store.slots(self._settings.node):
                if slot >= self._settings.signing_workers:
                    self._recover(self._store.raise_epoch(self._settings.node, slot), chain)
        worker = self._store.raise_epoch(self._settings.node, self._place.index)
        self._recover(worker, chain)
        return worker, chain

    def _recover(self, worker: WorkerIdentity, chain: Chain) -> None:
        """The epoch is raised, durably; only now settle what older workers left open (decision 26 b)."""
        started = _record(Event.STARTED, self._place, worker.epoch)
        self._write(worker, chain, lambda transaction: [started, *map(sign_indeterminate, transaction.recover())])

    def _stop(self) -> None:
        if self._owner is not None:
            worker, chain = self._owner
            self._write(worker, chain, lambda _: [_record(Event.STOPPED, self._place, worker.epoch)])

    def _write(
        self, worker: WorkerIdentity, chain: Chain, records: Callable[[SigningTransaction], list[Record]]
    ) -> None:
        with self._store.begin_signing(worker, self._clock.seconds()) as transaction:
            rows = chain.extend(records(transaction), self._clock.milliseconds())
            transaction.append_audit(rows)
        chain.accept(rows)


def _open_activation(
    settings: SignerSettings, place: Place, stamps: CallStamps, store: SqlSignerStore, clock: Clock
) -> Service:
    chain = _chain(settings, place, store)
    journal = Journal(store, chain, clock)
    device = _open_watched(settings, place, stamps)
    credentials = Credentials(device, device.keys())
    if place.lane is Lane.REGISTRY:
        disable_unusable(store, credentials, chain, clock)
    limits = settings.limits
    lock = LockLimits(limits.lock_temporary, limits.lock_permanent, limits.lock_seconds)
    operations = ActivationOperations(
        store,
        journal,
        credentials,
        SadMinter(device, settings.issuer),
        EvidenceVerifier(store, device, clock, lock),
        clock,
        ActivationLimits(
            limits.approval_lifetime,
            Lifetime(limits.sad_lifetime, limits.sad_total_lifetime),
            limits.hashes_per_request,
        ),
    )
    journal.write(_record(Event.STARTED, place, 0))
    stop = partial(journal.write, _record(Event.STOPPED, place, 0))
    return ActivationService(operations, journal, partial(_health, place, 0, device, chain, store), stop)


def disable_unusable(store: SqlSignerStore, credentials: Credentials, chain: Chain, clock: Clock) -> None:
    """Disable, with a record each, active credentials whose key or certificate is not fit (AR-07)."""
    for row in store.all_credentials():
        if row.state is not CredentialState.ACTIVE:
            continue
        try:
            credentials.prove(row)
        except UnusableCredentialError as error:
            fields = {"credential_id": row.credential_id, "signer_id": row.signer_id, "reason": error.message}
            record = Record(Event.CREDENTIAL_DISABLED, Outcome.FAILURE, fields)
            rows = chain.extend([record], clock.milliseconds())
            store.change_state(row.credential_id, CredentialState.DISABLED, rows)
            chain.accept(rows)


def _open_watched(settings: SignerSettings, place: Place, stamps: CallStamps) -> KeyDevice:
    """Open the device under the deadline of one call: a login may hang like anything else (RL-04)."""
    stamps.enter(place.number)
    try:
        device = open_device(settings.device)
    finally:
        stamps.leave(place.number)
    return WatchedDevice(device, stamps, place.number)


def _chain(settings: SignerSettings, place: Place, store: SqlSignerStore) -> Chain:
    writer = f"{settings.node}/{place.name}"
    return Chain(writer, store.chain_head(writer))


def _record(event: Event, place: Place, epoch: int) -> Record:
    return Record(event, Outcome.SUCCESS, {"worker": place.name, "epoch": epoch})


def _health(place: Place, epoch: int, device: KeyDevice, chain: Chain, store: SqlSignerStore) -> Health:
    """Probe what a signature needs: the device with a MAC, the store by reading the end of the own chain."""
    states: dict[str, str] = dict.fromkeys(PARTS, OK)
    try:
        device.authenticate(b"csc-server/health")
    except DeviceFaultError:
        states["device"] = "unavailable"
    try:
        if store.chain_head(chain.writer).sequence != chain.head.sequence:
            states["audit"] = "diverged"
    except UnavailableError:
        states["database"] = "unavailable"
    return Health(place.name, epoch, **states)
