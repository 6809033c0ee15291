"""The life of a signature in the signer, step by step (ARCHITECTURE, life of a signature; SA-02, SA-03, SA-11).

 1. Each request of a group is looked up by SHA-256 of the SAD string or token it presents.
 2. Under the lock of the SAD's row: the SAD is live, unexpired, of this client, signer and credential; the
    algorithm, digest lengths and credential are allowed; every hash is an unspent occurrence.
 3. TX1, durable: SAD row updated on condition, consumption row inserted, audit `sign.intent`.
 4. The device signs: one call per spent occurrence, never a second.
 5. Each signature is verified with the certificate's public key.
 6. TX2, durable: the intent is settled if it is still open and ours, audit `sign.done` or `sign.failed`.
 7. Signatures whose intent moved to done are the answer. Nothing else leaves.

What the caller still owes: to end the process when `must_end` is set, or when a commit's outcome is
unknown; the next worker of the slot raises the epoch and recovers (decision 26 a, b, g).

States beside those of the model of this protocol (Promela; specs/decisions.md, decision 26):

    here                                     model
    SadRow.state LIVE                        live[s]
    SadRow.state EXTENDED, VOID              !live[s]
    SadRow.slots authorised / spent          au[s*NH+h] / spent[s*NH+h]
    SadRow.version                           ver[s]
    consumption (sad, number), unique        cons[s]
    IntentState OPEN, DONE                   ist[r] OPEN, DONE
    IntentState FAILED                       ist[r] FAULT
    IntentState INDETERMINATE                ist[r] INDET
    WorkerIdentity slot, epoch               islot[r], iown[r], epoch[slot]
    SadRow.expires_at passed                 expired
    ApprovalState VOID                       approval == 2
"""

import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from csc_server.activation.messages import Answer, Refused, Sign, Signed, Unavailable
from csc_server.audit.chain import Chain
from csc_server.audit.events import Event
from csc_server.clock import Clock
from csc_server.errors import RefusedError
from csc_server.policy.algorithms import HASH_OIDS, SignatureMechanism, resolve
from csc_server.signer.device.port import DeviceFaultError, KeyDevice
from csc_server.signer.signing.credential import Credentials, UsableCredential
from csc_server.signer.signing.records import sign_intent, sign_refused, sign_settled
from csc_server.signer.signing.sad import check_presented, sad_hash, take
from csc_server.storage.ports.audit import AuditRow
from csc_server.storage.ports.signer import (
    ConflictError,
    CredentialRow,
    IntentState,
    SadRow,
    SigningStore,
    SigningTransaction,
    Slot,
    Spend,
    WorkerIdentity,
)
from csc_server.values import CredentialId, Refusal
from csc_server.wire import canonical_json, encode_base64url

RETRY_AFTER = 2


@dataclass(frozen=True)
class Plan:
    """A request that passed step 2: what TX1 spends for it and how the device will sign."""

    request: Sign
    sad: SadRow
    spend: Spend
    credential: UsableCredential
    mechanism: SignatureMechanism


Decision = Plan | RefusedError


@dataclass(frozen=True)
class Made:
    """What steps 4 and 5 gave: the signatures of a request, or none and why."""

    event: Event
    signatures: tuple[bytes, ...] = ()

    @property
    def state(self) -> IntentState:
        return IntentState.DONE if self.event is Event.SIGN_DONE else IntentState.FAILED


class Signing:
    """Signs groups of requests for one worker."""

    def __init__(
        self,
        store: SigningStore,
        device: KeyDevice,
        credentials: Credentials,
        chain: Chain,
        clock: Clock,
        worker: WorkerIdentity,
        max_hashes: int,
    ) -> None:
        self._store = store
        self._device = device
        self._credentials = credentials
        self._chain = chain
        self._clock = clock
        self._worker = worker
        self._max_hashes = max_hashes
        self.must_end = False
        """Set when the device failed: its session is not to be trusted again (RL-04)."""

    def sign(self, requests: Sequence[Sign]) -> list[Answer]:
        """Sign a group of requests in one TX1 and one TX2; answers in request order.

        Raises:
            UnavailableError: TX1 could not be written; nothing was spent.
            CommitUnknownError, FencedError: the worker must end; nothing was released.
        """
        decisions = self._intend(requests)
        made = {plan.spend.intent_id: self._make(plan) for plan in decisions if isinstance(plan, Plan)}
        settled = self._settle([plan for plan in decisions if isinstance(plan, Plan)], made)
        return [_answer(decision, settled) for decision in decisions]

    def _intend(self, requests: Sequence[Sign]) -> list[Decision]:
        """Steps 1 to 3. A group that meets a conflict is rolled back whole and its requests go one by one."""
        try:
            return self._intend_together(requests)
        except ConflictError:
            if len(requests) == 1:
                return [RefusedError(Refusal.SAD_INVALID)]
            return [decision for request in requests for decision in self._intend([request])]

    def _intend_together(self, requests: Sequence[Sign]) -> list[Decision]:
        hashes = [sad_hash(request.sad) for request in requests]
        with self._store.begin_signing(self._worker, self._clock.seconds()) as transaction:
            sads = transaction.sads(sorted(set(hashes)))
            credentials = transaction.credentials(sorted({request.credential_id for request in requests}))
            now = self._clock.seconds()  # after the locks, so that an expiry cannot slip in between (26 c)
            decisions: list[Decision] = []
            for request, digest in zip(requests, hashes, strict=True):
                decision = self._decide(request, sads.get(digest), credentials, now)
                if isinstance(decision, Plan):
                    sads[digest] = decision.sad
                decisions.append(decision)
            rows = self._write_intents(transaction, requests, decisions)
        self._chain.accept(rows)
        return decisions

    def _write_intents(
        self, transaction: SigningTransaction, requests: Sequence[Sign], decisions: list[Decision]
    ) -> list[AuditRow]:
        transaction.spend([decision.spend for decision in decisions if isinstance(decision, Plan)])
        records = [
            sign_refused(request, decision)
            if isinstance(decision, RefusedError)
            else sign_intent(request, decision.credential.row, decision.spend, decision.mechanism)
            for request, decision in zip(requests, decisions, strict=True)
        ]
        rows = self._chain.extend(records, self._clock.milliseconds())
        transaction.append_audit(rows)
        return rows

    def _decide(
        self, request: Sign, sad: SadRow | None, credentials: Mapping[CredentialId, CredentialRow], now: int
    ) -> Decision:
        try:
            return self._plan(request, sad, credentials.get(request.credential_id), now)
        except RefusedError as refusal:
            return refusal

    def _plan(self, request: Sign, presented: SadRow | None, credential: CredentialRow | None, now: int) -> Plan:
        """Step 2: every check before anything is spent, in the order of the rows of CSC 1.0.4.0, 11.9."""
        caller = request.caller
        if credential is None or caller.signer_id not in (None, credential.signer_id):
            raise RefusedError(Refusal.UNKNOWN_CREDENTIAL)
        sad = check_presented(presented, now)
        bound_to = (sad.client_id, sad.signer_id, sad.credential_id, sad.key_fingerprint)
        if bound_to != (caller.client_id, credential.signer_id, request.credential_id, credential.key_fingerprint):
            raise RefusedError(Refusal.SAD_INVALID)
        usable = self._credentials.prove(credential)
        mechanism = self._mechanism(request, usable.row, sad)
        usable.check(credential.state, now)
        slots = take(sad.slots, request.hashes)
        return Plan(request, *_spent(sad, slots, request, now), usable, mechanism)

    def _mechanism(self, request: Sign, credential: CredentialRow, sad: SadRow) -> SignatureMechanism:
        if not 1 <= len(request.hashes) <= self._max_hashes:
            raise RefusedError(Refusal.HASH_COUNT_INVALID)
        mechanism = resolve(credential.key_type, request.sign_algorithm, request.hash_algorithm, request.parameters)
        length = mechanism.hash_algorithm.digest_length
        if any(len(digest) != length for digest in request.hashes):
            raise RefusedError(Refusal.DIGEST_LENGTH)
        if sad.hash_algorithm and HASH_OIDS[sad.hash_algorithm] is not mechanism.hash_algorithm:
            raise RefusedError(Refusal.HASH_ALGORITHM_INVALID)
        return mechanism

    def _make(self, plan: Plan) -> Made:
        """Steps 4 and 5. After a device error or a wrong signature nothing is called again in this worker."""
        signatures = []
        for digest in plan.request.hashes:
            if self.must_end:
                return Made(Event.SIGN_FAILED)
            try:
                signature = self._device.sign(plan.credential.row.key_handle, plan.mechanism, digest)
            except DeviceFaultError:
                self.must_end = True
                return Made(Event.SIGN_FAILED)
            if not plan.credential.verify(plan.mechanism, digest, signature):
                self.must_end = True
                return Made(Event.SIGN_FAULT)
            signatures.append(signature)
        return Made(Event.SIGN_DONE, tuple(signatures))

    def _settle(self, plans: Sequence[Plan], made: Mapping[str, Made]) -> dict[str, Made]:
        """Step 6: return what was made for the intents that this transaction settled."""
        if not plans:
            return {}
        with self._store.begin_signing(self._worker, self._clock.seconds()) as transaction:
            moved = transaction.settle({intent_id: one.state for intent_id, one in made.items()})
            settled = [plan for plan in plans if plan.spend.intent_id in moved]
            records = [sign_settled(plan.request, plan.spend, made[plan.spend.intent_id].event) for plan in settled]
            rows = self._chain.extend(records, self._clock.milliseconds())
            transaction.append_audit(rows)
        self._chain.accept(rows)
        return {intent_id: made[intent_id] for intent_id in moved}


def _spent(sad: SadRow, slots: Mapping[bytes, Slot], request: Sign, now: int) -> tuple[SadRow, Spend]:
    taken = {encode_base64url(digest): count for digest, count in Counter(request.hashes).items()}
    count = len(request.hashes)
    spend = Spend(
        sad_id=sad.sad_id,
        version=sad.version,
        slots=slots,
        count=count,
        number=sad.consumptions + 1,
        intent_id=secrets.token_urlsafe(16),
        taken=canonical_json(taken),
        created_at=now,
    )
    after = replace(
        sad,
        slots=slots,
        spent=sad.spent + count,
        version=sad.version + 1,
        consumptions=sad.consumptions + 1,
    )
    return after, spend


def _answer(decision: Decision, settled: Mapping[str, Made]) -> Answer:
    """Step 7."""
    if isinstance(decision, RefusedError):
        return Refused(decision.refusal.value, decision.message)
    made = settled.get(decision.spend.intent_id)
    if made is None or made.state is not IntentState.DONE:
        return Unavailable("device", RETRY_AFTER)
    return Signed(made.signatures)
