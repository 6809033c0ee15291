"""Ports of the signer's store: rows, and the units of work that the signer's transactions are made of.

Every `begin_*` opens one database transaction: leaving the block commits durably, an exception rolls back.
A commit whose outcome is unknown raises `CommitUnknownError`, which ends the process (decision 26 g);
 everything else that the database refuses is `UnavailableError("database")`.
Times `*_at` are whole seconds since the epoch, UTC.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from csc_server.errors import UnavailableError
from csc_server.storage.ports.audit import AuditRow, ChainHead
from csc_server.storage.ports.challenges import ChallengeTransaction
from csc_server.storage.ports.pending import PendingTransaction
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


class CommitUnknownError(UnavailableError):
    """A commit was sent and its answer did not come: the transaction may or may not be durable."""

    def __init__(self) -> None:
        super().__init__("database", "the outcome of a commit is unknown")


class ConflictError(Exception):
    """A conditional write found its row changed; nothing of the transaction may be kept."""


@dataclass(frozen=True)
class CredentialRow:
    """A credential: one signer's key, its certificate chain (DER, end entity first) and its rules.

    `link_mac` binds signer, key, certificate and `factors`, the kinds enrolled, under a device-held key (AU-15).
    `key_fingerprint` is SHA-256 of the SubjectPublicKeyInfo. `version` rises with every change.
    """

    credential_id: CredentialId
    signer_id: SignerId
    key_handle: KeyHandle
    key_type: KeyType
    key_fingerprint: bytes
    certificates: tuple[bytes, ...]
    auth_mode: AuthMode
    scal: Scal
    multisign: int
    state: CredentialState
    version: int
    link_mac: bytes
    description: str = ""
    factors: tuple[str, ...] = ()


@dataclass(frozen=True)
class FactorRow:
    """One factor of a credential.

    `verifier` is argon2id output over the device's HMAC (PIN) or the sealed seed (OTP); `failures` counts
    tries that were begun and not yet proved right; `last_step` is the last TOTP step accepted.
    """

    credential_id: CredentialId
    kind: FactorKind
    verifier: bytes
    salt: bytes
    failures: int = 0
    locked_until: int = 0
    last_step: int = 0


class ApprovalState(StrEnum):
    """open: waits for evidence; approved: evidence verified; activated: a SAD exists; void: dead for good."""

    OPEN = "open"
    APPROVED = "approved"
    ACTIVATED = "activated"
    VOID = "void"


@dataclass(frozen=True)
class ApprovalRow:
    """A transaction a client asked for and, later, the signer's approval of it.

    `hashes` are the decoded digests in the order asked, empty when none were named; `labels` run beside
    them or are empty. `transaction_hash` covers all of it (AU-02). `evidence` is canonical JSON of methods
    and digests, never a secret. `token_hash` is set by activation. `auth_at` is 0 before approval.
    """

    approval_id: ApprovalId
    client_id: ClientId
    signer_id: SignerId
    credential_id: CredentialId
    key_fingerprint: bytes
    num_signatures: int
    hashes: tuple[bytes, ...]
    labels: tuple[str, ...]
    hash_algorithm: str
    scal: Scal
    nonce: bytes
    transaction_hash: bytes
    state: ApprovalState
    created_at: int
    expires_at: int
    version: int = 1
    evidence: bytes = b""
    auth_at: int = 0
    token_hash: bytes = b""


class SadState(StrEnum):
    """live: may be spent; extended: replaced by its successor; void: revoked. Exhaustion is a count, no state."""

    LIVE = "live"
    EXTENDED = "extended"
    VOID = "void"


@dataclass(frozen=True)
class Slot:
    """How often one hash is authorised and how often it was spent."""

    authorised: int
    spent: int


@dataclass(frozen=True)
class SadRow:
    """A SAD: `sad_hash` is SHA-256 of the whole string (or of the credential-scope token).

    `slots` maps a hash, or b"" for occurrences authorised without one (SCAL 1), to its counts;
    `authorised` and `spent` are their sums and stand under CHECK (spent <= authorised). `limit_at` bounds
    every extension. A row read back is the whole SAD: the claims of its JWS follow from it and its approval.
    """

    sad_id: SadId
    sad_hash: bytes
    approval_id: ApprovalId
    client_id: ClientId
    signer_id: SignerId
    credential_id: CredentialId
    key_fingerprint: bytes
    scal: Scal
    hash_algorithm: str
    slots: Mapping[bytes, Slot]
    authorised: int
    spent: int
    state: SadState
    version: int
    issued_at: int
    expires_at: int
    limit_at: int
    policy: str
    consumptions: int = 0


class IntentState(StrEnum):
    """States of a consumption: open between TX1 and TX2, then exactly one of the others."""

    OPEN = "open"
    DONE = "done"
    FAILED = "failed"
    INDETERMINATE = "indeterminate"


@dataclass(frozen=True)
class Spend:
    """What TX1 writes for one request: the SAD's next counts, conditional on `version`, and its intent.

    `number` is the consumption's number within the SAD (unique); `taken` the multiset of hashes as
    canonical JSON {base64url(hash): count}; `intent_id` names the consumption in the audit.
    """

    sad_id: SadId
    version: int
    slots: Mapping[bytes, Slot]
    count: int
    number: int
    intent_id: str
    taken: bytes
    created_at: int


@dataclass(frozen=True)
class OpenIntent:
    """An intent that recovery found without an outcome."""

    intent_id: str
    sad_id: SadId
    epoch: int


@dataclass(frozen=True)
class WorkerIdentity:
    """The owner of intents: node and slot name a place, epoch the process that now has it (decision 26 a)."""

    node: str
    slot: int
    epoch: int


class SigningTransaction(Protocol):
    """TX1 or TX2 of a group of requests. Opening it verified the epoch and holds that row to the commit."""

    def sads(self, sad_hashes: Sequence[bytes]) -> dict[bytes, SadRow]:
        """Return the known SADs by hash, rows locked in order of `sad_id` (decision 26 e)."""

    def credentials(self, credential_ids: Sequence[CredentialId]) -> dict[CredentialId, CredentialRow]:
        """Return the known credentials by id."""

    def spend(self, spends: Sequence[Spend]) -> None:
        """Update each SAD where version and state allow it and insert each consumption, state open.

        Raises ConflictError when one row did not match: the caller rolls back all of them.
        """

    def settle(self, outcomes: Mapping[str, IntentState]) -> frozenset[str]:
        """Move intents, open and of this worker's epoch, to their outcome; return the ids that moved."""

    def recover(self) -> list[OpenIntent]:
        """Mark open intents of the worker's slot and older epochs indeterminate; return them (26 a).

        In the transaction, so that their audit records are written with them or not at all.
        """

    def append_audit(self, rows: Sequence[AuditRow]) -> None:
        """Append audit records."""


class SigningStore(Protocol):
    """What a signing worker needs of the store."""

    def raise_epoch(self, node: str, slot: int) -> WorkerIdentity:
        """Commit a raised epoch for the slot: what an older worker begins from now on fails (26 b)."""

    def slots(self, node: str) -> list[int]:
        """Return the slots that workers of a node ever had."""

    def high_water(self, node: str) -> int:
        """Return the highest time that a signature of a node was begun at, 0 before the first (SA-09)."""

    def begin_signing(self, worker: WorkerIdentity, now: int) -> AbstractContextManager[SigningTransaction]:
        """Open TX1 or TX2. Raises FencedError when the epoch is no longer the worker's.

        The slot's row keeps the highest `now` seen; a clock more than 5 s behind it raises
        UnavailableError("clock") (SA-09).
        """

    def chain_head(self, writer: str) -> ChainHead:
        """Return the end of a writer's audit chain; sequence 0 and zeros when it has none."""


class FencedError(Exception):
    """Another process has taken this worker's slot; this one must end."""


class ActivationTransaction(ChallengeTransaction, PendingTransaction, Protocol):
    """One transaction of the activation and registry operations."""

    def credential(self, credential_id: CredentialId) -> CredentialRow | None: ...

    def hold_credential(self, credential_id: CredentialId) -> CredentialRow | None:
        """Return a credential that nobody changes before this transaction ends.

        Take it before any row of an approval or SAD: a change of the credential locks those after it.
        """

    def credentials_of(self, signer_id: SignerId) -> list[CredentialRow]:
        """Return a signer's credentials, in order of their ids."""

    def is_linked(self, client_id: ClientId, signer_id: SignerId) -> bool:
        """Whether a client may act for a signer without the signer's login (decision 17)."""

    def factors(self, credential_id: CredentialId) -> dict[FactorKind, FactorRow]: ...

    def begin_try(
        self, credential_id: CredentialId, kind: FactorKind, now: int, limits: "LockLimits"
    ) -> FactorRow | None:
        """Count a failure before anything is compared; return the row as it is after, None when locked.

        One conditional UPDATE: parallel tries each count (AU-06). Reaching `limits.temporary` locks for
        `limits.lock_seconds`, reaching `limits.permanent` for good.
        """

    def pass_factor(self, credential_id: CredentialId, kind: FactorKind, last_step: int) -> None:
        """Clear the failures of a factor proved right; `last_step` only ever rises.

        Raises ConflictError when the stored step is `last_step` or newer: that code was used already (AU-04).
        """

    def insert_approval(self, row: ApprovalRow) -> None: ...

    def approval(self, approval_id: ApprovalId) -> ApprovalRow | None:
        """Return an approval, its row locked."""

    def change_approval(self, row: ApprovalRow, expected_version: int) -> None:
        """Write a changed approval (version raised by the caller); ConflictError when it moved meanwhile."""

    def insert_sad(self, row: SadRow) -> None: ...

    def sad(self, sad_hash: bytes) -> SadRow | None:
        """Return a SAD by its hash, its row locked."""

    def sads_of(self, approval_id: ApprovalId) -> list[SadRow]:
        """Return all SADs of an approval, rows locked in order of `sad_id`."""

    def change_sad(self, sad_id: SadId, state: SadState, expected_version: int) -> None:
        """Change a SAD's state and raise its version; ConflictError when it moved meanwhile."""

    def append_audit(self, rows: Sequence[AuditRow]) -> None: ...


@dataclass(frozen=True)
class LockLimits:
    """When a factor locks (AU-06)."""

    temporary: int = 5
    permanent: int = 10
    lock_seconds: int = 900


class ActivationStore(Protocol):
    """What the registry and evidence workers need of the store."""

    def begin(self) -> AbstractContextManager[ActivationTransaction]:
        """Open one read-write transaction."""

    def read(self) -> AbstractContextManager[ActivationTransaction]:
        """Open one read-only transaction: no write lock is taken."""

    def chain_head(self, writer: str) -> ChainHead: ...
