"""What the suites of the stores share: databases with both sides' tables, and rows to put into them."""

import functools
import hashlib
import itertools
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from csc_server.storage.migrate import upgrade
from csc_server.storage.ports.audit import AuditRow
from csc_server.storage.ports.signer import (
    ActivationStore,
    ApprovalRow,
    ApprovalState,
    CredentialRow,
    FactorRow,
    SadRow,
    SadState,
    Slot,
    Spend,
)
from csc_server.values import (
    ApprovalId,
    AuthMode,
    ClientId,
    CredentialId,
    CredentialState,
    FactorKind,
    KeyHandle,
    KeyType,
    SadId,
    Scal,
    SignerId,
)

NOW = 1_800_000_000
SIGNER = SignerId("signer-1")
CLIENT = ClientId("client-1")
CREDENTIAL = CredentialId("credential-1")

_numbers = itertools.count(1)
Result = TypeVar("Result")


@dataclass(frozen=True)
class Databases:
    """URLs of one installation; `owner_url` may change tables, the others are what the processes get."""

    kind: str
    web_url: str
    signer_url: str
    web_owner_url: str
    signer_owner_url: str


@functools.cache
def _migrated(side: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        upgrade(f"sqlite:///{folder}/{side}.db", side)
        return Path(folder, f"{side}.db").read_bytes()


def migrated_database(folder: Path, side: str) -> str:
    """Put a SQLite database with a side's tables into a folder and return its URL; the migrations run only once."""
    file = folder / f"{side}.db"
    file.touch(mode=0o600)
    file.write_bytes(_migrated(side))
    return f"sqlite:///{file}"


def digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def a_credential(number: int = 1, **changes: object) -> CredentialRow:
    values = {
        "credential_id": CredentialId(f"credential-{number}"),
        "signer_id": SIGNER,
        "key_handle": KeyHandle(b"handle-%d" % number),
        "key_type": KeyType.P_256,
        "key_fingerprint": digest(f"key-{number}"),
        "certificates": (b"end entity \x00\xff", b"issuer"),
        "auth_mode": AuthMode.EXPLICIT,
        "scal": Scal.TWO,
        "multisign": 100,
        "state": CredentialState.ACTIVE,
        "version": 1,
        "link_mac": digest("mac"),
        "description": "処方箋 «test»",
    }
    return CredentialRow(**{**values, **changes})  # type: ignore[arg-type]


def a_factor(kind: FactorKind, credential_id: CredentialId = CREDENTIAL) -> FactorRow:
    return FactorRow(credential_id, kind, b"verifier \x00", b"salt")


def an_approval(**changes: object) -> ApprovalRow:
    values = {
        "approval_id": ApprovalId(f"approval-{next(_numbers)}"),
        "client_id": CLIENT,
        "signer_id": SIGNER,
        "credential_id": CREDENTIAL,
        "key_fingerprint": digest("key-1"),
        "num_signatures": 2,
        "hashes": (digest("a"), digest("b")),
        "labels": ("一", "two, «three»"),
        "hash_algorithm": "2.16.840.1.101.3.4.2.1",
        "scal": Scal.TWO,
        "nonce": digest("nonce"),
        "transaction_hash": digest("transaction"),
        "state": ApprovalState.OPEN,
        "created_at": NOW,
        "expires_at": NOW + 300,
    }
    return ApprovalRow(**{**values, **changes})  # type: ignore[arg-type]


def a_sad(approval: ApprovalRow, authorised: Mapping[bytes, int] | None = None, **changes: object) -> SadRow:
    number = next(_numbers)
    slots = {name: Slot(count, 0) for name, count in (authorised or {digest("a"): 1}).items()}
    values = {
        "sad_id": SadId(f"sad-{number:08}"),
        "sad_hash": digest(f"sad-{number}"),
        "approval_id": approval.approval_id,
        "client_id": approval.client_id,
        "signer_id": approval.signer_id,
        "credential_id": approval.credential_id,
        "key_fingerprint": approval.key_fingerprint,
        "scal": approval.scal,
        "hash_algorithm": approval.hash_algorithm,
        "slots": slots,
        "authorised": sum(slot.authorised for slot in slots.values()),
        "spent": 0,
        "state": SadState.LIVE,
        "version": 1,
        "issued_at": NOW,
        "expires_at": NOW + 120,
        "limit_at": NOW + 300,
        "policy": "generic/1",
    }
    return SadRow(**{**values, **changes})  # type: ignore[arg-type]


def a_spend(sad: SadRow, name: bytes | None = None, count: int = 1, intent_id: str = "", **changes: object) -> Spend:
    """The next spend of a SAD as its row stands, checked by nobody: checking is what the store is tested for."""
    name = digest("a") if name is None else name
    slot = sad.slots[name]
    values = {
        "sad_id": sad.sad_id,
        "version": sad.version,
        "slots": {**sad.slots, name: Slot(slot.authorised, slot.spent + count)},
        "count": count,
        "number": sad.consumptions + 1,
        "intent_id": intent_id or f"intent-{next(_numbers)}",
        "taken": b'{"a":1}',
        "created_at": NOW + 1,
    }
    return Spend(**{**values, **changes})  # type: ignore[arg-type]


def an_audit_row(sequence: int = 1, writer: str = "writer-1") -> AuditRow:
    return AuditRow(
        writer, sequence, NOW * 1000 + sequence, "sign.intent", "success", b'{"n":1}', bytes(32), digest(f"{sequence}")
    )


def keep_sad(store: ActivationStore, authorised: Mapping[bytes, int] | None = None, **changes: object) -> SadRow:
    """Store an activated approval and a SAD of it."""
    approval = an_approval(state=ApprovalState.ACTIVATED)
    sad = a_sad(approval, authorised, **changes)
    with store.begin() as transaction:
        transaction.insert_approval(approval)
        transaction.insert_sad(sad)
    return sad


def at_once(number: int, act: Callable[[int], Result]) -> list[Result | BaseException]:
    """Run an act in as many threads, which start together; return what each returned or raised."""
    results: list[Result | BaseException] = [RuntimeError("did not run")] * number
    barrier = threading.Barrier(number)

    def run(place: int) -> None:
        barrier.wait()
        try:
            results[place] = act(place)
        except BaseException as error:
            results[place] = error

    threads = [threading.Thread(target=run, args=(place,)) for place in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
