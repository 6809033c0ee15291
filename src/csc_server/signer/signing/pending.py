"""Approvals that a signer gives on a page while the client waits (CSC 1.0.4.0, 11.6; 2.0.0.2, 11.6 and 11.7).

requested -> answered with evidence, or refused -> collected once, as a SAD. The client holds a handle that only the
device can make, so nothing of it is stored.
"""

import hashlib
import hmac
from dataclasses import replace

from csc_server.activation.messages import Approve, Minted
from csc_server.activation.parts import Caller, Transaction
from csc_server.activation.pending_messages import (
    AnswerPending,
    CollectApproval,
    ListPending,
    Pending,
    PendingApproval,
    PendingApprovals,
    RequestApproval,
)
from csc_server.audit.events import Event
from csc_server.clock import Clock
from csc_server.errors import RefusedError, UnavailableError
from csc_server.signer.device.port import KeyDevice
from csc_server.signer.identity.evidence import MISSING, page_kinds, required_kinds
from csc_server.signer.signing.activation import ActivationLimits, ActivationOperations, Journal
from csc_server.signer.signing.approval import activated, check_open, check_transaction, open_approval, voided
from csc_server.signer.signing.credential import Credentials
from csc_server.signer.signing.records import approval_record, sad_record
from csc_server.signer.signing.sad import SadMinter, bind, new_row
from csc_server.storage.ports.pending import Ending, PendingRow
from csc_server.storage.ports.signer import (
    ActivationStore,
    ActivationTransaction,
    ApprovalRow,
    ApprovalState,
    ConflictError,
    CredentialRow,
)
from csc_server.values import ApprovalId, AuthMode, ClientId, FactorKind, Refusal, SignerId
from csc_server.wire import canonical_json, encode_base64url

MAX_PENDING = 50
"""Requests of one client that may wait for one signer: more are told to come back."""
MAX_TRIES = 3
"""Answers with wrong evidence that end a request; the factor's own lock counts on its own (AU-06)."""
COME_BACK = 30
"""Seconds that a client waits while too many requests wait for its signer."""

_ENDED = {
    Ending.NONE: Refusal.HANDLE_INVALID,
    Ending.REFUSED: Refusal.APPROVAL_REFUSED,
    Ending.EVIDENCE: Refusal.EVIDENCE_REFUSED,
    Ending.LOCKED: Refusal.PIN_LOCKED,
}
_WRONG = frozenset({Refusal.PIN_INVALID, Refusal.OTP_INVALID})
_LOCKED = frozenset({Refusal.PIN_LOCKED, Refusal.OTP_LOCKED})


class PendingOperations:
    """What web may ask of pending approvals; the evidence on them is verified like any other."""

    def __init__(
        self,
        store: ActivationStore,
        journal: Journal,
        activation: ActivationOperations,
        credentials: Credentials,
        minter: SadMinter,
        device: KeyDevice,
        clock: Clock,
        limits: ActivationLimits,
    ) -> None:
        self._store = store
        self._journal = journal
        self._activation = activation
        self._credentials = credentials
        self._minter = minter
        self._device = device
        self._clock = clock
        self._limits = limits

    def request(self, request: RequestApproval) -> Pending | Minted:
        """Put a transaction before its signer, or join the one that waits already."""
        credential = self._checked(request)
        asked = _request_hash(request, credential.signer_id)
        with self._journal.begin() as (writing, records):
            now = self._clock.seconds()
            waiting = writing.pending_like(asked, now) if request.joins else None
            if waiting is None:
                self._check_number(writing, request.caller.client_id, credential.signer_id, now)
                approval = open_approval(
                    request.caller, credential, request.transaction, now, self._limits.approval_lifetime
                )
                waiting = _pending_row(approval, asked, request.description)
                writing.insert_approval(approval)
                writing.insert_pending(waiting)
                records.append(approval_record(Event.APPROVAL_OPENED, request.caller, approval))
        return self.collect(CollectApproval(request.caller, self._handle(waiting.approval_id)))

    def _check_number(self, writing: ActivationTransaction, client_id: ClientId, signer_id: SignerId, now: int) -> None:
        """A client that asks without end buries nobody in requests, and keeps no other client from asking (IN-21)."""
        own = [row for row in writing.pending_of(signer_id, now) if row.client_id == client_id]
        if len(own) >= MAX_PENDING:
            raise UnavailableError("approval", "too many requests wait for this signer", retry_after=COME_BACK)

    def _checked(self, request: RequestApproval) -> CredentialRow:
        """Return the credential of a request that may wait for its signer, else raise RefusedError."""
        with self._store.read() as reading:
            usable, factors = self._activation.usable(reading, request.caller, request.transaction.credential_id)
        row = usable.row
        if not row.auth_mode.is_pending and row.auth_mode is not AuthMode.EXPLICIT:
            raise RefusedError(Refusal.CREDENTIAL_NOT_EXPLICIT)
        check_transaction(row, request.transaction, self._limits.max_hashes)
        if row.auth_mode is AuthMode.EXPLICIT:
            raise RefusedError(MISSING[required_kinds(factors, row.scal)[0]])
        _check_objects(row.auth_mode, page_kinds(factors, row.scal), request.objects)
        return row

    def collect(self, request: CollectApproval) -> Minted | Pending:
        """Mint the SAD of an approval that its signer gave, once; until then say that it waits."""
        approval_id = self._read_handle(request.handle)
        with self._store.read() as reading:
            approval = self._collectable(reading, approval_id, request.caller)
        if approval.state is ApprovalState.OPEN:
            return Pending(request.handle)
        with self._journal.begin() as (writing, records):
            approval = self._collectable(writing, approval_id, request.caller)
            credential = writing.credential(approval.credential_id)
            if credential is None:
                raise RefusedError(Refusal.UNKNOWN_CREDENTIAL)
            usable, now = self._credentials.prove(credential), self._clock.seconds()
            usable.check(credential.state, now)
            slots = bind(approval.hashes, approval.num_signatures)
            row = new_row(approval, slots, now, self._limits.sad)
            if row.expires_at <= now:
                raise RefusedError(Refusal.HANDLE_INVALID)
            text, sad = self._minter.mint(row, approval, usable.row)
            _change(writing, activated(approval, b""), approval.version)
            writing.insert_sad(sad)
            records.append(sad_record(Event.SAD_MINTED, request.caller, sad, approval))
        return Minted(text, sad.expires_at - now)

    def _collectable(self, reading: ActivationTransaction, approval_id: ApprovalId, caller: Caller) -> ApprovalRow:
        """Return an approval that waits for its signer or its client, else raise the reason why not."""
        approval, pending = reading.approval(approval_id), reading.pending(approval_id)
        if approval is None or pending is None or approval.client_id != caller.client_id:
            raise RefusedError(Refusal.HANDLE_INVALID)
        if caller.signer_id not in (None, approval.signer_id):
            raise RefusedError(Refusal.HANDLE_INVALID)
        if approval.state is ApprovalState.VOID:
            raise RefusedError(_ENDED[pending.ending])
        if approval.state is ApprovalState.ACTIVATED or self._clock.seconds() >= approval.expires_at:
            raise RefusedError(Refusal.HANDLE_INVALID)
        return approval

    def list_pending(self, request: ListPending) -> PendingApprovals:
        """Return what waits for the caller's signer."""
        if request.caller.signer_id is None:
            return PendingApprovals(())
        with self._store.read() as reading:
            rows = reading.pending_of(request.caller.signer_id, self._clock.seconds())
            found = [_described(reading, row) for row in rows]
        return PendingApprovals(tuple(one for one in found if one is not None))

    def answer(self, request: AnswerPending) -> None:
        """Take the signer's answer: evidence is verified as for any approval, refusing needs none."""
        with self._store.read() as reading:
            if reading.pending(request.approval_id) is None:
                raise RefusedError(Refusal.APPROVAL_INVALID)
        if request.evidence is None:
            self._end(request, Ending.REFUSED)
            return
        try:
            self._activation.approve(Approve(request.caller, request.approval_id, request.evidence))
        except RefusedError as refusal:
            self._count(request, refusal.refusal)
            raise

    def _count(self, request: AnswerPending, refusal: Refusal) -> None:
        """End a request after too many wrong answers, or when a factor is locked: its client is told then."""
        if refusal in _LOCKED:
            self._end(request, Ending.LOCKED)
        elif refusal in _WRONG:
            with self._store.begin() as writing:
                tries = writing.count_wrong_answer(request.approval_id)
            if tries >= MAX_TRIES:
                self._end(request, Ending.EVIDENCE)

    def _end(self, request: AnswerPending, ending: Ending) -> None:
        with self._journal.begin() as (writing, records):
            approval = check_open(writing.approval(request.approval_id), request.caller, self._clock.seconds())
            _change(writing, voided(approval), approval.version)
            writing.end_pending(request.approval_id, ending)
            record = approval_record(Event.APPROVAL_VOID, request.caller, approval)
            records.append(replace(record, fields={**record.fields, "reason": ending.value}))

    def _handle(self, approval_id: ApprovalId) -> str:
        return f"{approval_id}.{self._handle_mac(approval_id)}"

    def _read_handle(self, handle: str) -> ApprovalId:
        name, _, mac = handle.partition(".")
        expected = self._handle_mac(ApprovalId(name))
        if not hmac.compare_digest(expected.encode(), mac.encode("utf-8", "surrogatepass")):
            raise RefusedError(Refusal.HANDLE_INVALID)
        return ApprovalId(name)

    def _handle_mac(self, approval_id: ApprovalId) -> str:
        name = approval_id.encode("utf-8", "surrogatepass")
        return encode_base64url(self._device.authenticate(b"csc-server/handle/1\0" + name))


def _check_objects(mode: AuthMode, kinds: tuple[FactorKind, ...], objects: tuple[str, ...] | None) -> None:
    """Raise RefusedError unless the client named what credentials/info lists: every object, or none."""
    if objects is None:
        return
    expected = {kind.value for kind in kinds} if mode is AuthMode.OUT_OF_BAND else set()
    if set(objects) != expected:
        raise RefusedError(Refusal.OBJECTS_INVALID)


def _request_hash(request: RequestApproval, signer_id: SignerId) -> bytes:
    """Return what is equal for two requests that ask the same signer for the same."""
    transaction: Transaction = request.transaction
    fields = {
        "client": request.caller.client_id,
        "credential": transaction.credential_id,
        "description": request.description,
        "hash_algorithm": transaction.hash_algorithm,
        "hashes": [encode_base64url(digest) for digest in transaction.hashes],
        "labels": list(transaction.labels),
        "number": transaction.num_signatures,
        "signer": signer_id,
    }
    return hashlib.sha256(b"csc-server/request/1\0" + canonical_json(fields)).digest()


def _pending_row(approval: ApprovalRow, asked: bytes, description: str) -> PendingRow:
    return PendingRow(
        approval.approval_id,
        approval.client_id,
        approval.signer_id,
        asked,
        description,
        approval.created_at,
        approval.expires_at,
    )


def _described(reading: ActivationTransaction, row: PendingRow) -> PendingApproval | None:
    approval = reading.approval(row.approval_id)
    credential = reading.credential(approval.credential_id) if approval else None
    if approval is None or credential is None:
        return None
    factors = reading.factors(approval.credential_id)
    return PendingApproval(
        approval_id=approval.approval_id,
        client_id=approval.client_id,
        transaction=Transaction(
            approval.credential_id,
            approval.num_signatures,
            approval.hashes,
            approval.labels,
            approval.hash_algorithm,
        ),
        description=row.description,
        objects=tuple(kind.value for kind in FactorKind if kind in factors),
        certificate=credential.certificates[0] if credential.certificates else b"",
        transaction_hash=approval.transaction_hash,
        expires_at=approval.expires_at,
    )


def _change(writing: ActivationTransaction, row: ApprovalRow, expected_version: int) -> None:
    try:
        writing.change_approval(row, expected_version)
    except ConflictError as error:
        raise RefusedError(Refusal.HANDLE_INVALID) from error
