"""The activation operations: begin, approve, activate, authorize, extend, void (ARCHITECTURE, life of a signature).

Each changes the store in one transaction with its audit record. A refusal leaves nothing behind but the
failures that evidence counts.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from csc_server.activation.messages import (
    Activate,
    Activated,
    Approve,
    Authorize,
    Begin,
    Extend,
    Minted,
    VoidApproval,
)
from csc_server.activation.parts import Caller
from csc_server.audit.chain import Chain, Record
from csc_server.audit.events import Event
from csc_server.clock import Clock
from csc_server.errors import RefusedError
from csc_server.signer.identity.evidence import EvidenceVerifier, page_kinds, required_kinds, use_up
from csc_server.signer.identity.response_key import Asked
from csc_server.signer.signing.approval import (
    activated,
    approved,
    check_digests,
    check_open,
    check_transaction,
    open_approval,
    voided,
)
from csc_server.signer.signing.credential import Credentials, UnusableCredentialError, UsableCredential
from csc_server.signer.signing.records import approval_record, sad_record
from csc_server.signer.signing.sad import (
    Lifetime,
    SadMinter,
    bind,
    check_presented,
    new_row,
    sad_hash,
    successor_slots,
)
from csc_server.storage.ports.signer import (
    ActivationStore,
    ActivationTransaction,
    ApprovalRow,
    ApprovalState,
    ConflictError,
    CredentialRow,
    FactorRow,
    SadRow,
    SadState,
)
from csc_server.values import AuthMode, CredentialId, FactorKind, Refusal, SignerId

TOKEN_HASH_LENGTH = 32


@dataclass(frozen=True)
class ActivationLimits:
    """Seconds an approval waits for its activation, lifetimes of SADs, and the most hashes of a transaction."""

    approval_lifetime: int
    sad: Lifetime
    max_hashes: int


class Journal:
    """Transactions of the store that carry their audit records with them."""

    def __init__(self, store: ActivationStore, chain: Chain, clock: Clock) -> None:
        self._store = store
        self._chain = chain
        self._clock = clock

    @contextmanager
    def begin(self) -> Iterator[tuple[ActivationTransaction, list[Record]]]:
        """Open a transaction; records appended to the list are written with it, or not at all (AD-05)."""
        records: list[Record] = []
        with self._store.begin() as transaction:
            yield transaction, records
            rows = self._chain.extend(records, self._clock.milliseconds())
            transaction.append_audit(rows)
        self._chain.accept(rows)

    def write(self, *records: Record) -> None:
        """Write records of their own."""
        with self.begin() as (_, pending):
            pending.extend(records)


class ActivationOperations:
    """What web may ask of approvals and SADs; every answer follows from the signer's own rows (AR-02)."""

    def __init__(
        self,
        store: ActivationStore,
        journal: Journal,
        credentials: Credentials,
        minter: SadMinter,
        verifier: EvidenceVerifier,
        clock: Clock,
        limits: ActivationLimits,
    ) -> None:
        self._store = store
        self._journal = journal
        self._credentials = credentials
        self._minter = minter
        self._verifier = verifier
        self._clock = clock
        self._limits = limits

    def begin(self, request: Begin) -> tuple[ApprovalRow, CredentialRow, tuple[FactorKind, ...]]:
        """Open a transaction on a credential that OAuth 2.0 authorizes."""
        caller, transaction = request.caller, request.transaction
        with self._store.read() as reading:
            usable, factors = self.usable(reading, caller, transaction.credential_id)
        if usable.row.auth_mode is not AuthMode.OAUTH2CODE:
            raise RefusedError(Refusal.CREDENTIAL_NOT_OAUTH)
        check_transaction(usable.row, transaction, self._limits.max_hashes)
        kinds = page_kinds(factors, usable.row.scal)
        approval = open_approval(caller, usable.row, transaction, self._clock.seconds(), self._limits.approval_lifetime)
        with self._journal.begin() as (writing, records):
            writing.insert_approval(approval)
            records.append(approval_record(Event.APPROVAL_OPENED, caller, approval))
        return approval, usable.row, kinds

    def approve(self, request: Approve) -> None:
        """Verify the signer's evidence for an open transaction and store the approval."""
        with self._store.read() as reading:
            approval = check_open(reading.approval(request.approval_id), request.caller, self._clock.seconds())
            usable, factors = self.usable(reading, request.caller, approval.credential_id)
        verified = self._verifier.verify(
            approval.credential_id, required_kinds(factors, usable.row.scal), request.evidence, asked_of(approval)
        )
        with self._journal.begin() as (writing, records):
            current = check_open(writing.approval(request.approval_id), request.caller, self._clock.seconds())
            use_up(writing, verified)
            after = approved(current, verified)
            _change(writing, after, current.version)
            records.append(approval_record(Event.APPROVAL_GIVEN, request.caller, after))

    def activate(self, request: Activate) -> Activated:
        """Put a SAD behind a credential-scope token; only the token's hash is known here (decision 13)."""
        if len(request.token_hash) != TOKEN_HASH_LENGTH:
            raise RefusedError(Refusal.APPROVAL_INVALID)
        with self._journal.begin() as (writing, records):
            approval = writing.approval(request.approval_id)
            now = self._clock.seconds()
            if approval is None or not _is_of(approval, request.caller):
                raise RefusedError(Refusal.APPROVAL_INVALID)
            if approval.state is ApprovalState.ACTIVATED and approval.token_hash == request.token_hash:
                return _again(writing, approval, now)
            if approval.state is not ApprovalState.APPROVED or now >= approval.expires_at:
                raise RefusedError(Refusal.APPROVAL_INVALID)
            slots = bind(approval.hashes, approval.num_signatures)
            sad = replace(new_row(approval, slots, now, self._limits.sad), sad_hash=request.token_hash)
            if sad.expires_at <= now:
                raise RefusedError(Refusal.APPROVAL_INVALID)
            _change(writing, activated(approval, request.token_hash), approval.version)
            _insert_sad(writing, sad)
            records.append(sad_record(Event.SAD_MINTED, request.caller, sad, approval))
        return Activated(sad.credential_id, sad.expires_at - now)

    def authorize(self, request: Authorize) -> Minted:
        """Open, approve and mint in one transaction: an explicit credential (CSC 1.0.4.0, 11.6)."""
        caller, transaction = request.caller, request.transaction
        with self._store.read() as reading:
            usable, factors = self.usable(reading, caller, transaction.credential_id)
        if usable.row.auth_mode is not AuthMode.EXPLICIT:
            raise RefusedError(Refusal.CREDENTIAL_NOT_EXPLICIT)
        check_transaction(usable.row, transaction, self._limits.max_hashes)
        kinds = required_kinds(factors, usable.row.scal)
        asked = Asked(caller.client_id, transaction.num_signatures, transaction.hash_algorithm, transaction.hashes)
        verified = self._verifier.verify(transaction.credential_id, kinds, request.evidence, asked)
        now = self._clock.seconds()
        opened = open_approval(caller, usable.row, transaction, now, self._limits.approval_lifetime)
        approval = approved(opened, verified)
        slots = bind(approval.hashes, approval.num_signatures)
        text, sad = self._minter.mint(new_row(approval, slots, now, self._limits.sad), approval, usable.row)
        with self._journal.begin() as (writing, records):
            current = writing.hold_credential(transaction.credential_id)
            if current is None or current.version != usable.row.version:  # nothing voids what is not written yet
                raise RefusedError(Refusal.CREDENTIAL_DISABLED, "it was changed meanwhile")
            use_up(writing, verified)
            writing.insert_approval(activated(approval, b""))
            writing.insert_sad(sad)
            records.append(approval_record(Event.APPROVAL_GIVEN, caller, approval))
            records.append(sad_record(Event.SAD_MINTED, caller, sad, approval))
        return Minted(text, sad.expires_at - now)

    def extend(self, request: Extend) -> Minted:
        """Replace a SAD by its successor, in one transaction, never widening the approval (decision 15)."""
        caller = request.caller
        with self._store.read() as reading:
            known = reading.sad(sad_hash(request.sad))
        with self._journal.begin() as (writing, records):
            # The approval's row is locked before the SAD's, as `void` does: two orders could wait for each other.
            approval = writing.approval(known.approval_id) if known else None
            credential = writing.credential(request.credential_id)
            if credential is None or caller.signer_id not in (None, credential.signer_id):
                raise RefusedError(Refusal.UNKNOWN_CREDENTIAL)
            usable = self._credentials.prove(credential)
            now = self._clock.seconds()
            usable.check(credential.state, now)
            old = check_presented(writing.sad(sad_hash(request.sad)), now)
            if (old.client_id, old.credential_id) != (caller.client_id, request.credential_id):
                raise RefusedError(Refusal.SAD_INVALID)
            check_digests(request.hashes, request.hash_algorithm or old.hash_algorithm)
            if approval is None or approval.state is not ApprovalState.ACTIVATED:
                raise RefusedError(Refusal.SAD_INVALID)
            slots = successor_slots(old, request.hashes)
            text, sad = self._minter.mint(new_row(approval, slots, now, self._limits.sad), approval, usable.row)
            if sad.expires_at <= now:
                raise RefusedError(Refusal.SAD_EXPIRED)
            _end_sad(writing, old, SadState.EXTENDED)
            writing.insert_sad(sad)
            records.append(sad_record(Event.SAD_EXTENDED, caller, sad, approval))
        return Minted(text, sad.expires_at - now)

    def void(self, request: VoidApproval) -> None:
        """Kill an approval and every SAD it gave; what passed TX1 before is spent and may still be released."""
        with self._journal.begin() as (writing, records):
            approval = writing.approval(request.approval_id)
            if approval is None or approval.client_id != request.caller.client_id:
                return
            if approval.state is not ApprovalState.VOID:
                _change(writing, voided(approval), approval.version)
                records.append(approval_record(Event.APPROVAL_VOID, request.caller, approval))
            for sad in writing.sads_of(approval.approval_id):
                if sad.state is SadState.LIVE:
                    _end_sad(writing, sad, SadState.VOID)
                    records.append(sad_record(Event.SAD_VOID, request.caller, sad, approval))

    def find(self, caller: Caller, credential_id: CredentialId) -> tuple[CredentialRow, tuple[FactorKind, ...]]:
        """Return a credential the caller may see and its factors."""
        with self._store.read() as reading:
            row = _visible(reading, caller, credential_id)
            return self._shown(row), _kinds(reading, row)

    def find_all(self, caller: Caller, signer_id: SignerId) -> Sequence[tuple[CredentialRow, tuple[FactorKind, ...]]]:
        """Return a signer's credentials, none when the caller may not act for that signer."""
        with self._store.read() as reading:
            if not _may_act(reading, caller, signer_id):
                return []
            shown = [row for row in reading.credentials_of(signer_id) if row.state.is_shown]
            return [(self._shown(row), _kinds(reading, row)) for row in shown]

    def _shown(self, row: CredentialRow) -> CredentialRow:
        """Return a credential as clients see it: no more signatures at once than this service takes hashes."""
        return replace(row, multisign=min(row.multisign, self._limits.max_hashes))

    def usable(
        self, reading: ActivationTransaction, caller: Caller, credential_id: CredentialId
    ) -> tuple[UsableCredential, dict[FactorKind, FactorRow]]:
        """Return a credential that this caller may use now, proved, and its factors; else raise RefusedError."""
        row = _visible(reading, caller, credential_id)
        usable = self._credentials.prove(row)
        usable.check(row.state, self._clock.seconds())
        factors = reading.factors(credential_id)
        if {kind.value for kind in factors} != set(usable.row.factors):
            raise UnusableCredentialError("its factors are not those that were enrolled")
        return usable, factors


def asked_of(approval: ApprovalRow) -> Asked:
    """Return what evidence for an approval is given for."""
    return Asked(approval.client_id, approval.num_signatures, approval.hash_algorithm, approval.hashes)


def _visible(reading: ActivationTransaction, caller: Caller, credential_id: CredentialId) -> CredentialRow:
    """Return a credential, or refuse it as unknown: another signer's is told no differently (AU-12)."""
    row = reading.credential(credential_id)
    if row is None or not row.state.is_shown or not _may_act(reading, caller, row.signer_id):
        raise RefusedError(Refusal.UNKNOWN_CREDENTIAL)
    return row


def _may_act(reading: ActivationTransaction, caller: Caller, signer_id: SignerId) -> bool:
    """A signer for himself; a client without a signer's login for signers linked to it (decision 17)."""
    if caller.signer_id is not None:
        return caller.signer_id == signer_id
    return reading.is_linked(caller.client_id, signer_id)


def _kinds(reading: ActivationTransaction, row: CredentialRow) -> tuple[FactorKind, ...]:
    factors = reading.factors(row.credential_id)
    return tuple(kind for kind in FactorKind if kind in factors)


def _again(writing: ActivationTransaction, approval: ApprovalRow, now: int) -> Activated:
    """Answer an activation that was already done for the same token (decision 26 d)."""
    sad = writing.sad(approval.token_hash)
    if sad is None or sad.state is not SadState.LIVE or sad.expires_at <= now:
        raise RefusedError(Refusal.APPROVAL_INVALID)
    return Activated(sad.credential_id, sad.expires_at - now)


def _is_of(approval: ApprovalRow, caller: Caller) -> bool:
    return (approval.client_id, approval.signer_id) == (caller.client_id, caller.signer_id)


def _insert_sad(writing: ActivationTransaction, sad: SadRow) -> None:
    """Store a SAD under a token's hash; one that stands for another SAD already is no new token."""
    try:
        writing.insert_sad(sad)
    except ConflictError as error:
        raise RefusedError(Refusal.APPROVAL_INVALID) from error


def _change(writing: ActivationTransaction, row: ApprovalRow, expected_version: int) -> None:
    try:
        writing.change_approval(row, expected_version)
    except ConflictError as error:
        raise RefusedError(Refusal.APPROVAL_INVALID) from error


def _end_sad(writing: ActivationTransaction, sad: SadRow, state: SadState) -> None:
    try:
        writing.change_sad(sad.sad_id, state, sad.version)
    except ConflictError as error:
        raise RefusedError(Refusal.SAD_INVALID) from error
