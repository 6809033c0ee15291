"""Composition root of the signer: the only place that names its adapters.

`run` forks one process a worker: signing workers, evidence workers for the slow work of PINs, one registry
worker and, with `signer.custody`, one that makes and destroys keys. Nothing here, and nothing below, opens a network
connection (AR-05).
"""

import os
import socket
from collections.abc import Callable
from functools import partial

from csc_server.activation.lanes import socket_path
from csc_server.activation.messages import OK, PARTS, Health
from csc_server.activation.parts import Lane
from csc_server.audit.chain import Chain
from csc_server.audit.events import Event
from csc_server.clock import TOLERANCE, Clock, SteadyClock, SystemClock
from csc_server.errors import UnavailableError
from csc_server.settings import SignerSettings
from csc_server.signer.courier.client import CourierClient
from csc_server.signer.courier.port import Courier, NoCourier
from csc_server.signer.custody.service import open_custody
from csc_server.signer.device.pkcs11 import open_device
from csc_server.signer.device.port import DeviceFaultError, KeyDevice
from csc_server.signer.device.watched import CallStamps, WatchedDevice
from csc_server.signer.fitness import disable_unusable
from csc_server.signer.housekeeping import IdlePurge
from csc_server.signer.identity.evidence import EvidenceVerifier
from csc_server.signer.place import Place
from csc_server.signer.service import ActivationService, Service, SigningService, pending_handlers
from csc_server.signer.signing.activation import ActivationLimits, ActivationOperations, Journal
from csc_server.signer.signing.challenging import ChallengeOperations
from csc_server.signer.signing.credential import Credentials
from csc_server.signer.signing.pending import PendingOperations
from csc_server.signer.signing.sad import Lifetime, SadMinter
from csc_server.signer.signing.sign import Signing
from csc_server.signer.slot import OwnedSlot, take_slot
from csc_server.signer.supervisor import Supervisor, Worker
from csc_server.signer.worker import LazyService, StampedWatch, serve
from csc_server.storage.engine import make_engine
from csc_server.storage.ports.signer import LockLimits
from csc_server.storage.signer_store import SqlSignerStore

BACKLOG = 256


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
    if settings.custody is not None:
        numbers[Lane.CUSTODY] = 1
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
    steady = SteadyClock(clock)
    store = SqlSignerStore(make_engine(settings.database_url))
    openers: dict[Lane, Callable[[], Service]] = {
        Lane.SIGN: SigningOpener(settings, place, stamps, store, clock).open,
        Lane.REGISTRY: partial(_open_activation, settings, place, stamps, store, steady),
        Lane.EVIDENCE: partial(_open_activation, settings, place, stamps, store, steady),
        Lane.CUSTODY: partial(_open_activation, settings, place, stamps, store, steady),
    }
    if place.lane is Lane.EVIDENCE:
        os.nice(5)  # a PIN costs 150 ms of CPU; signatures that are already approved go first
    service = LazyService(place.name, openers[place.lane], clock, watch=StampedWatch(stamps, place.number))
    idle = IdlePurge(store, clock) if place.lane is Lane.REGISTRY else None
    serve(listener, settings.web_uids, service, idle)


class SigningOpener:
    """Opens the service of a signing worker: first its slot, once, then the device, as often as it takes."""

    def __init__(
        self, settings: SignerSettings, place: Place, stamps: CallStamps, store: SqlSignerStore, clock: Clock
    ) -> None:
        self._settings = settings
        self._place = place
        self._stamps = stamps
        self._store = store
        self._clock = clock
        self._slot: OwnedSlot | None = None

    def open(self) -> Service:
        """Return the service; UnavailableError while the store or the device is away."""
        slot = self._slot = self._slot or self._take_slot()
        device = _open_watched(self._settings, self._place, self._stamps)
        credentials = Credentials(device, device.keys())
        max_hashes = self._settings.limits.hashes_per_request
        signing = Signing(self._store, device, credentials, slot.chain, self._clock, slot.worker, max_hashes)
        health = partial(_health, self._place, slot.worker.epoch, device, slot.chain, self._store)
        return SigningService(signing, health, slot.stop)

    def _take_slot(self) -> OwnedSlot:
        settings = self._settings
        chain = _chain(settings, self._place, self._store)
        return take_slot(self._store, settings.node, settings.signing_workers, self._place, chain, self._clock)


def _open_activation(
    settings: SignerSettings, place: Place, stamps: CallStamps, store: SqlSignerStore, clock: Clock
) -> Service:
    if clock.seconds() < store.high_water(settings.node) - TOLERANCE:
        raise UnavailableError("clock", "the clock stands behind the time of earlier signatures")
    chain = _chain(settings, place, store)
    journal = Journal(store, chain, clock)
    device = _open_watched(settings, place, stamps)
    credentials = Credentials(device, device.keys())
    if place.lane is Lane.REGISTRY:
        disable_unusable(store, credentials, chain, clock)
    limits = settings.limits
    lock = LockLimits(limits.lock_temporary, limits.lock_permanent, limits.lock_seconds)
    bounds = ActivationLimits(
        limits.approval_lifetime,
        Lifetime(limits.sad_lifetime, limits.sad_total_lifetime),
        limits.hashes_per_request,
    )
    minter = SadMinter(device, settings.issuer)
    verifier = EvidenceVerifier(store, device, clock, lock)
    operations = ActivationOperations(store, journal, credentials, minter, verifier, clock, bounds)
    pending = PendingOperations(store, journal, operations, credentials, minter, device, clock, bounds)
    challenges = ChallengeOperations(
        store, journal, operations, device, _courier(settings), clock, lock, limits.sent_codes
    )
    journal.write(place.record(Event.STARTED))
    stop = partial(journal.write, place.record(Event.STOPPED))
    health = partial(_health, place, 0, device, chain, store)
    others = pending_handlers(pending, challenges)
    if place.lane is Lane.CUSTODY and settings.custody is not None:
        others |= open_custody(store, device, clock, settings.node, settings.custody)
    return ActivationService(operations, journal, health, stop, others)


def _courier(settings: SignerSettings) -> Courier:
    if settings.courier_socket is None:
        return NoCourier()
    uid = os.geteuid() if settings.courier_uid is None else settings.courier_uid
    return CourierClient(settings.courier_socket, uid)


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
