"""Codes sent to a signer and challenges for a signer's key (CSC 1.0.4.0, 11.8; 2.0.0.2, 11.8).

Both are made here and die with their first right answer, with the next of their kind (codes), or by time.
"""

from csc_server.activation.messages import Done
from csc_server.activation.parts import Caller
from csc_server.activation.pending_messages import Challenge, GetChallenge, SendCode
from csc_server.audit.chain import Record
from csc_server.audit.events import Event, Outcome
from csc_server.clock import Clock
from csc_server.errors import RefusedError, UnavailableError
from csc_server.signer.courier.port import Courier, Delivery
from csc_server.signer.device.port import KeyDevice
from csc_server.signer.identity import online_code, response_key
from csc_server.signer.identity.evidence import LOCKED
from csc_server.signer.signing.activation import ActivationOperations, Journal
from csc_server.storage.ports.challenges import ChallengeRow
from csc_server.storage.ports.signer import ActivationStore, ActivationTransaction, FactorRow, LockLimits
from csc_server.values import AuthMode, CredentialId, FactorKind, Refusal, SignerId

WINDOW = 900
"""Seconds over which what is sent or given for one credential is counted."""
CHALLENGES_FOR_A_CODE = 10
"""A challenge costs nobody a mail: so many more of them are given in the same time."""


class ChallengeOperations:
    """What web may ask for before a signer's evidence; nothing of it is evidence itself.

    Args:
        lock: when a factor is locked; a locked one gets no code.
        sent_codes: how many codes one credential may have sent within WINDOW.
    """

    def __init__(
        self,
        store: ActivationStore,
        journal: Journal,
        activation: ActivationOperations,
        device: KeyDevice,
        courier: Courier,
        clock: Clock,
        lock: LockLimits,
        sent_codes: int,
    ) -> None:
        self._store = store
        self._journal = journal
        self._activation = activation
        self._device = device
        self._courier = courier
        self._clock = clock
        self._lock = lock
        self._sent_codes = sent_codes

    def send_code(self, request: SendCode) -> Done:
        """Make a code, store what knows it, and hand it to the courier: web never sees it."""
        factor, signer_id = self._factor(request.caller, request.credential_id, FactorKind.ONLINE_OTP)
        if factor is None:
            raise RefusedError(Refusal.NO_ONLINE_OTP)
        self._send(request.caller, signer_id, factor)
        return Done()

    def get_challenge(self, request: GetChallenge) -> Challenge | Done:
        """Give a challenge for a key, or send the code of an object whose challenge travels out of band."""
        kind = _KINDS.get(request.object_id)
        factor, signer_id = self._factor(request.caller, request.credential_id, kind)
        if factor is None:
            raise RefusedError(Refusal.OBJECT_INVALID)
        if kind is FactorKind.ONLINE_OTP:
            self._send(request.caller, signer_id, factor)
            return Done()
        challenge, row = response_key.new_challenge(
            factor.credential_id, request.caller.client_id, self._clock.seconds()
        )
        with self._journal.begin() as (writing, records):
            self._check_number(writing, row, self._sent_codes * CHALLENGES_FOR_A_CODE)
            writing.insert_challenge(row)
            records.append(_record(Event.CHALLENGE_GIVEN, request.caller, signer_id, row))
        return Challenge(challenge)

    def _factor(
        self, caller: Caller, credential_id: CredentialId, kind: FactorKind | None
    ) -> tuple[FactorRow | None, SignerId]:
        with self._store.read() as reading:
            usable, factors = self._activation.usable(reading, caller, credential_id)
        is_asked_for_here = usable.row.auth_mode is AuthMode.EXPLICIT and kind is not None
        return factors.get(kind) if is_asked_for_here and kind else None, usable.row.signer_id

    def _send(self, caller: Caller, signer_id: SignerId, factor: FactorRow) -> None:
        now = self._clock.seconds()
        if factor.failures >= self._lock.permanent or factor.locked_until > now:
            raise RefusedError(LOCKED[factor.kind])
        address = online_code.open_address(self._device, factor)
        code, row = online_code.new_code(self._device, factor, caller.client_id, now)
        with self._journal.begin() as (writing, records):
            self._check_number(writing, row, self._sent_codes)
            writing.replace_challenges(factor.credential_id, factor.kind, now)
            writing.insert_challenge(row)
            records.append(_record(Event.CODE_SENT, caller, signer_id, row))
        self._courier.deliver(Delivery(address, code, factor.credential_id, online_code.LIFETIME))

    def _check_number(self, writing: ActivationTransaction, row: ChallengeRow, limit: int) -> None:
        """A client that asks without end fills no signer's mailbox and no table (IN-21)."""
        given = writing.challenges_since(row.credential_id, row.kind, row.created_at - WINDOW)
        if given >= limit:
            raise UnavailableError("courier", "too many codes were asked for", retry_after=WINDOW)


_KINDS = {kind.value: kind for kind in (FactorKind.ONLINE_OTP, FactorKind.KEY)}


def _record(event: Event, caller: Caller, signer_id: SignerId, row: ChallengeRow) -> Record:
    return Record(
        event,
        Outcome.SUCCESS,
        {
            "request_id": caller.request_id,
            "client_id": caller.client_id,
            "address": caller.address,
            "signer_id": signer_id,
            "credential_id": row.credential_id,
            "method": row.kind.value,
        },
    )
