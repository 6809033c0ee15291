"""A signer's inside on a real SQLite file, with a device in software and a clock that tests turn."""

import hashlib
import itertools
import time
from dataclasses import dataclass

from csc_server.activation.messages import Authorize, Sign
from csc_server.activation.parts import Caller, Evidence, Transaction
from csc_server.audit.chain import Chain
from csc_server.signer.custody.in_one_step import Custody, NewCredential
from csc_server.signer.identity.evidence import EvidenceVerifier
from csc_server.signer.identity.pin import PinCost
from csc_server.signer.signing.activation import ActivationLimits, ActivationOperations, Journal
from csc_server.signer.signing.challenging import ChallengeOperations
from csc_server.signer.signing.credential import Credentials
from csc_server.signer.signing.pending import PendingOperations
from csc_server.signer.signing.sad import Lifetime, SadMinter
from csc_server.signer.signing.sign import Signing
from csc_server.storage.engine import make_engine
from csc_server.storage.ports.signer import LockLimits
from csc_server.storage.signer_store import SqlSignerStore
from csc_server.values import AuthMode, ClientId, CredentialId, KeyType, Scal, SignerId
from fakes.software_device import SoftwareDevice
from pki import issue
from stores import migrated_database

CLIENT = ClientId("client")
SIGNER = SignerId("signer")
PIN = "1234-right"
SEED = b"twenty bytes of seed"
ECDSA_SHA_256 = "1.2.840.10045.4.3.2"
SHA_256 = "2.16.840.1.101.3.4.2.1"
CHEAP = PinCost(memory_kib=8, iterations=1)
"""The least that argon2id takes: these tests are about what follows a comparison (AU-05 has tests at full cost)."""

_NUMBERS = itertools.count()


class SigningAtOnce(Signing):
    """A Signing whose groups are answered in one step."""

    def sign(self, requests):
        before = self.exchange(requests)
        assert not before
        self.make()
        return self.exchange([])


class TurnableClock:
    """A clock that stands still until a test turns it."""

    def __init__(self):
        self.now = int(time.time())

    def seconds(self):
        return self.now

    def milliseconds(self):
        return self.now * 1000

    def monotonic(self):
        return float(self.now)


@dataclass
class Inside:
    """The parts of a signer, wired as its composition root wires them."""

    store: SqlSignerStore
    device: SoftwareDevice
    clock: TurnableClock
    url: str

    def create(
        self,
        name,
        *,
        auth_mode=AuthMode.EXPLICIT,
        scal=Scal.ONE,
        seed=None,
        signer=SIGNER,
        pin=PIN,
        address=None,
        response_key=None,
        **certificate,
    ):
        new = NewCredential(
            credential_id=CredentialId(name),
            signer_id=signer,
            key_type=KeyType.P_256,
            auth_mode=auth_mode,
            scal=scal,
            multisign=10,
            pin=pin,
            totp_seed=seed,
            address=address,
            response_key=response_key,
        )
        custody = Custody(self.store, self.device, self.clock, writer=f"custody/{name}", pin_cost=CHEAP)
        return custody.create(new, lambda key: issue(key, **certificate))

    def operations(self):
        name = f"registry-{next(_NUMBERS)}"
        chain = Chain(name, self.store.chain_head(name))
        return ActivationOperations(
            self.store,
            Journal(self.store, chain, self.clock),
            Credentials(self.device, self.device.keys()),
            SadMinter(self.device, "https://issuer.example"),
            EvidenceVerifier(self.store, self.device, self.clock, LockLimits(), CHEAP),
            self.clock,
            ActivationLimits(300, Lifetime(120, 300), 1000),
        )

    def pending(self, approval_lifetime=300):
        name = f"pending-{next(_NUMBERS)}"
        journal = Journal(self.store, Chain(name, self.store.chain_head(name)), self.clock)
        credentials = Credentials(self.device, self.device.keys())
        minter = SadMinter(self.device, "https://issuer.example")
        limits = ActivationLimits(approval_lifetime, Lifetime(120, 300), 1000)
        return PendingOperations(
            self.store, journal, self.operations(), credentials, minter, self.device, self.clock, limits
        )

    def challenges(self, courier, *, sent_codes=10):
        name = f"challenges-{next(_NUMBERS)}"
        journal = Journal(self.store, Chain(name, self.store.chain_head(name)), self.clock)
        return ChallengeOperations(
            self.store, journal, self.operations(), self.device, courier, self.clock, LockLimits(), sent_codes
        )

    def signing(self, slot=0, device=None):
        device = device or self.device
        worker = self.store.raise_epoch("node", slot)
        name = f"sign-{slot}"
        chain = Chain(name, self.store.chain_head(name))
        credentials = Credentials(device, device.keys())
        return SigningAtOnce(self.store, device, credentials, chain, self.clock, worker, 1000)


def digest(text):
    return hashlib.sha256(text.encode()).digest()


def caller(signer=SIGNER, client=CLIENT):
    return Caller(client, signer, "request-1")


def authorize(name, hashes, *, number=None, pin=PIN, otp=None, who=None):
    transaction = Transaction(CredentialId(name), number or len(hashes), tuple(hashes))
    return Authorize(who or caller(), transaction, Evidence(pin, otp))


def sign(name, sad, hashes, *, who=None, algorithm=ECDSA_SHA_256):
    return Sign(who or caller(), CredentialId(name), sad, tuple(hashes), algorithm)


def inside_of(folder):
    """Return a signer with one explicit credential, SCAL 1, PIN alone."""
    url = migrated_database(folder, "signer")
    store = SqlSignerStore(make_engine(url))
    made = Inside(store, SoftwareDevice(), TurnableClock(), url)
    Custody(store, made.device, made.clock).create_signer(SIGNER)
    made.create("explicit")
    return made
