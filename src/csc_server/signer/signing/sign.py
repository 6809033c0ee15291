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

import itertools
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from csc_server.activation.messages import Answer, Refused, Sign, Signed, Unavailable
from csc_server.audit.chain import Chain, Record
from csc_server.audit.events import Event
from csc_server.clock import Clock
from csc_server.errors import RefusedError, UnavailableError
from csc_server.policy.algorithms import HASH_OIDS, SignatureMechanism, resolve
from csc_server.signer.device.port import DeviceFaultError, KeyDevice
from csc_server.signer.signing.credential import Credentials, UsableCredential
from csc_server.signer.signing.records import sign_intent, sign_refused, sign_settled
from csc_server.signer.signing.sad import check_presented, sad_hash, take
from csc_server.storage.ports.signer import (
    CommitUnknownError,
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
AtHand = Decision | UnavailableError
"""A request of the group at hand; the last kind could not be written when it went alone."""


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
        self._numbers = itertools.count(1)
        self._group: list[AtHand] = []
        self._made: dict[str, Made] = {}
        self.must_end = False
        """Set when the device failed: its session is not to be trusted again (RL-04)."""

    def exchange(self, requests: Sequence[Sign]) -> list[Answer]:
        """Settle the group at hand and intend the next one; return the answers of the group at hand.

        TX2 of the one and TX1 of the other are one transaction: half the commits, and each of the two is as
        durable as alone before what follows it (ADR 0010). Call `make` before the next exchange.

        Raises:
            UnavailableError: it could not be written; nothing of `requests` was spent, nothing is released.
            CommitUnknownError, FencedError: the worker must end; nothing is released.
        """
        done, made = self._group, self._made
        self._group, self._made = [], {}
        if not done and not requests:
            return []
        try:
            settled, decisions = self._commit(done, made, requests)
            self._group = [*decisions]
        except ConflictError:
            settled = self._commit(done, made, ())[0] if done else frozenset()
            self._group = [self._intend_alone(request) for request in requests]
        return [_answer(decision, made, settled) for decision in done]

    def make(self) -> None:
        """Steps 4 and 5 for the group at hand."""
        self._made = {plan.spend.intent_id: self._make(plan) for plan in _plans(self._group)}

    def _commit(
        self, done: Sequence[AtHand], made: Mapping[str, Made], requests: Sequence[Sign]
    ) -> tuple[frozenset[str], list[Decision]]:
        """Step 6 for one group, steps 1 to 3 for another; a conflict rolls both back."""
        hashes = [sad_hash(request.sad) for request in requests]
        with self._store.begin_signing(self._worker, self._clock.seconds()) as transaction:
            settled, records = self._settle(transaction, _plans(done), made)
            sads = transaction.sads(sorted(set(hashes)))
            credentials = transaction.credentials(sorted({request.credential_id for request in requests}))
            now = self._clock.seconds()  # after the locks, so that an expiry cannot slip in between (26 c)
            decisions: list[Decision] = []
            for request, digest in zip(requests, hashes, strict=True):
                decision = self._decide(request, sads.get(digest), credentials, now)
                if isinstance(decision, Plan):
                    sads[digest] = _after(decision.sad, decision.spend)
                decisions.append(decision)
            transaction.spend([plan.spend for plan in _plans(decisions)])
            records += [_intended(request, decision) for request, decision in zip(requests, decisions, strict=True)]
            rows = self._chain.extend(records, self._clock.milliseconds())
            transaction.append_audit(rows)
        self._chain.accept(rows)
        return settled, decisions

    def _intend_alone(self, request: Sign) -> AtHand:
        """Steps 1 to 3 for a request whose group met a conflict."""
        try:
            return self._commit((), {}, (request,))[1][0]
        except ConflictError:
            return RefusedError(Refusal.SAD_INVALID)
        except CommitUnknownError:
            raise
        except UnavailableError as error:
            self.must_end = self.must_end or error.component == "audit"
            return error

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
        return Plan(request, sad, self._spend(sad, slots, request, now), usable, mechanism)

    def _spend(self, sad: SadRow, slots: Mapping[bytes, Slot], request: Sign, now: int) -> Spend:
        """Return what TX1 writes; intents are named in order, which keeps their index's pages together."""
        taken = {encode_base64url(digest): count for digest, count in Counter(request.hashes).items()}
        worker = self._worker
        return Spend(
            sad_id=sad.sad_id,
            version=sad.version,
            slots=slots,
            count=len(request.hashes),
            number=sad.consumptions + 1,
            intent_id=f"{worker.node}/{worker.slot}/{worker.epoch}/{next(self._numbers)}",
            taken=canonical_json(taken),
            created_at=now,
        )

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

    def _settle(
        self, transaction: SigningTransaction, plans: Sequence[Plan], made: Mapping[str, Made]
    ) -> tuple[frozenset[str], list[Record]]:
        """Step 6: return the intents that this transaction settles, and their records."""
        if not plans:
            return frozenset(), []
        settled = transaction.settle({intent_id: one.state for intent_id, one in made.items()})
        return settled, [
            sign_settled(plan.request, plan.spend, made[plan.spend.intent_id].event)
            for plan in plans
            if plan.spend.intent_id in settled
        ]


def _plans(decisions: Sequence[AtHand]) -> list[Plan]:
    return [decision for decision in decisions if isinstance(decision, Plan)]


def _intended(request: Sign, decision: Decision) -> Record:
    if isinstance(decision, Plan):
        return sign_intent(request, decision.credential.row, decision.spend, decision.mechanism)
    return sign_refused(request, decision)


def _after(sad: SadRow, spend: Spend) -> SadRow:
    """Return the row as TX1 leaves it, for the next request of the group that presents the same SAD."""
    return replace(
        sad,
        slots=spend.slots,
        spent=sad.spent + spend.count,
        version=sad.version + 1,
        consumptions=sad.consumptions + 1,
    )


def _answer(decision: AtHand, made: Mapping[str, Made], settled: Collection[str]) -> Answer:
    """Step 7."""
    if isinstance(decision, RefusedError):
        return Refused(decision.refusal.value, decision.message)
    if isinstance(decision, UnavailableError):
        return Unavailable(decision.component, decision.retry_after)
    intent_id = decision.spend.intent_id
    if intent_id not in settled or made[intent_id].state is not IntentState.DONE:
        return Unavailable("device", RETRY_AFTER, is_spent=True)
    return Signed(made[intent_id].signatures)
