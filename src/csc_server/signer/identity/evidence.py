"""Verification of a signer's evidence for one transaction (EN 419 241-1 SRA_SAP.1; AU-01, AU-06).

1. Every factor the credential has must be present, else nothing is tried.
2. The device does its part: a device that fails costs no signer a try.
3. For each factor in order: a failure is counted durably, then the secret is compared.
4. The caller passes the factors in the transaction that stores what they approve: until then their
   failures stay counted and a code is not used up.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from csc_server.activation.parts import Evidence
from csc_server.clock import Clock
from csc_server.errors import RefusedError
from csc_server.policy.one_time_codes import accepted_step
from csc_server.signer.device.port import KeyDevice
from csc_server.signer.identity.one_time_code import open_seed
from csc_server.signer.identity.online_code import is_right_code, key_code
from csc_server.signer.identity.pin import PIN_COST, PinCost, is_right_pin, key_pin
from csc_server.signer.identity.response_key import Asked, answers, open_key, read_response
from csc_server.storage.ports.challenges import ChallengeRow
from csc_server.storage.ports.signer import ActivationStore, ActivationTransaction, ConflictError, FactorRow, LockLimits
from csc_server.values import CredentialId, FactorKind, Refusal, Scal
from csc_server.wire import Json, canonical_json, encode_base64url

MISSING = {
    FactorKind.PIN: Refusal.PIN_MISSING,
    FactorKind.OTP: Refusal.OTP_MISSING,
    FactorKind.ONLINE_OTP: Refusal.OTP_MISSING,
    FactorKind.KEY: Refusal.RESPONSE_MISSING,
}
_WRONG = {
    FactorKind.PIN: Refusal.PIN_INVALID,
    FactorKind.OTP: Refusal.OTP_INVALID,
    FactorKind.ONLINE_OTP: Refusal.OTP_INVALID,
    FactorKind.KEY: Refusal.RESPONSE_INVALID,
}
LOCKED = {
    FactorKind.PIN: Refusal.PIN_LOCKED,
    FactorKind.OTP: Refusal.OTP_LOCKED,
    FactorKind.ONLINE_OTP: Refusal.OTP_LOCKED,
    FactorKind.KEY: Refusal.RESPONSE_LOCKED,
}
METHODS = {FactorKind.PIN: "pin", FactorKind.OTP: "otp", FactorKind.ONLINE_OTP: "mca", FactorKind.KEY: "pop"}
"""RFC 8176, 2: a code by another channel is `mca`, a proof of possession of a key `pop`."""

_TWO_FACTORS = frozenset(
    frozenset({FactorKind.PIN, second}) for second in (FactorKind.OTP, FactorKind.ONLINE_OTP, FactorKind.KEY)
)
SUFFICIENT: Mapping[Scal, frozenset[frozenset[FactorKind]]] = {
    Scal.ONE: frozenset(frozenset({kind}) for kind in FactorKind) | _TWO_FACTORS,
    Scal.TWO: _TWO_FACTORS,
}
"""Which sets of factors reach which level; what is not listed is refused (AU-01, decision 17).

SCAL 2 takes something known beside something held; a code that was sent is never enough alone.
"""
ON_A_PAGE = frozenset({FactorKind.PIN, FactorKind.OTP})
"""What a page can ask for: a sent code and a challenge belong to the client's own request."""


class FactorLockedError(RefusedError):
    """A wrong secret that locked its factor: to the caller like any other, to the audit an event of its own."""

    def __init__(self, refusal: Refusal, factor: FactorRow) -> None:
        super().__init__(refusal)
        self.credential_id = factor.credential_id
        self.kind = factor.kind
        self.failures = factor.failures


@dataclass(frozen=True)
class VerifiedEvidence:
    """Factors proved right: kind and time step of a generator's code, else 0; and which challenges were answered."""

    credential_id: CredentialId
    steps: tuple[tuple[FactorKind, int], ...]
    verified_at: int
    challenges: tuple[tuple[FactorKind, str], ...] = ()

    @property
    def methods(self) -> list[Json]:
        """Authentication methods in the words of RFC 8176, 2."""
        return [METHODS[kind] for kind, _ in self.steps]

    def describe(self, transaction_hash: bytes) -> bytes:
        """Return canonical JSON of the evidence, bound to its transaction, without a secret in it."""
        return canonical_json(
            {
                "amr": self.methods,
                "auth_time": self.verified_at,
                "transaction": encode_base64url(transaction_hash),
            }
        )


def evidence_digest(description: bytes) -> str:
    """Return the digest of an evidence description as the SAD and the audit carry it (claim `evh`)."""
    return encode_base64url(hashlib.sha256(description).digest())


def required_kinds(factors: Mapping[FactorKind, FactorRow], scal: Scal) -> tuple[FactorKind, ...]:
    """Return the factors a try needs, in the order they are compared; refuse a set that is not enough."""
    if frozenset(factors) not in SUFFICIENT[scal]:
        raise RefusedError(Refusal.CREDENTIAL_DISABLED, "its factors do not reach its level")
    return tuple(kind for kind in FactorKind if kind in factors)


def page_kinds(factors: Mapping[FactorKind, FactorRow], scal: Scal) -> tuple[FactorKind, ...]:
    """Return the factors that a page asks for; refuse a credential whose factors no page can ask for."""
    kinds = required_kinds(factors, scal)
    if not ON_A_PAGE.issuperset(kinds):
        raise RefusedError(Refusal.CREDENTIAL_DISABLED, "its factors are none that a page can ask for")
    return kinds


Check = Callable[[FactorRow], int | None]
"""Compares a secret with the current row of its factor: the time step used (0 where there is none), None when wrong."""


@dataclass(frozen=True)
class Prepared:
    """A comparison after the device's part of it; `challenge_id` is used up with the approval, "" for none."""

    factor: FactorRow
    check: Check
    challenge_id: str = ""


class EvidenceVerifier:
    """Compares PINs, codes and responses with the signer's own store."""

    def __init__(
        self,
        store: ActivationStore,
        device: KeyDevice,
        clock: Clock,
        limits: LockLimits,
        pin_cost: PinCost = PIN_COST,
    ) -> None:
        self._store = store
        self._device = device
        self._clock = clock
        self._limits = limits
        self._pin_cost = pin_cost

    def verify(
        self, credential_id: CredentialId, kinds: Sequence[FactorKind], evidence: Evidence, asked: Asked
    ) -> VerifiedEvidence:
        """Verify every factor in `kinds`, at least one, for what is asked, or raise RefusedError."""
        given = {
            FactorKind.PIN: evidence.pin,
            FactorKind.OTP: evidence.otp,
            FactorKind.ONLINE_OTP: evidence.online_otp,
            FactorKind.KEY: evidence.response,
        }
        if not kinds:
            raise RefusedError(Refusal.CREDENTIAL_DISABLED, "a credential without factors")
        for kind in kinds:
            if not given[kind]:
                raise RefusedError(MISSING[kind])
        with self._store.read() as reading:
            factors = reading.factors(credential_id)
            prepared = [self._prepare(reading, factors[kind], given[kind] or "", asked) for kind in kinds]
        steps = tuple((one.factor.kind, self._try(one)) for one in prepared)
        challenges = tuple((one.factor.kind, one.challenge_id) for one in prepared if one.challenge_id)
        return VerifiedEvidence(credential_id, steps, self._clock.seconds(), challenges)

    def _prepare(self, reading: ActivationTransaction, factor: FactorRow, secret: str, asked: Asked) -> Prepared:
        """Do the device's part of a comparison, before anything is counted."""
        if factor.kind is FactorKind.PIN:
            keyed = key_pin(self._device, factor.credential_id, secret)
            return Prepared(factor, lambda current: 0 if is_right_pin(keyed, current, self._pin_cost) else None)
        if factor.kind is FactorKind.ONLINE_OTP:
            return self._prepare_code(reading, factor, secret, asked)
        if factor.kind is FactorKind.KEY:
            return self._prepare_response(reading, factor, secret, asked)
        seed = open_seed(self._device, factor)
        return Prepared(factor, lambda current: accepted_step(seed, secret, self._clock.seconds(), current.last_step))

    def _prepare_code(self, reading: ActivationTransaction, factor: FactorRow, secret: str, asked: Asked) -> Prepared:
        """A code counts as wrong when none is under way, or another client asked for it."""
        row = reading.open_challenge(factor.credential_id, factor.kind, self._clock.seconds())
        keyed = key_code(self._device, factor, row.challenge_id if row else "", secret)
        if row is None or row.client_id != asked.client_id:
            return Prepared(factor, _never)
        return Prepared(factor, lambda _: 0 if is_right_code(keyed, row) else None, row.challenge_id)

    def _prepare_response(
        self, reading: ActivationTransaction, factor: FactorRow, secret: str, asked: Asked
    ) -> Prepared:
        key = open_key(self._device, factor)
        response = read_response(secret)
        row = reading.challenge(response.challenge_id) if response else None
        if response is None or row is None or not _is_for(row, factor, asked, self._clock.seconds()):
            return Prepared(factor, _never)
        return Prepared(
            factor,
            lambda _: 0 if answers(key, response, factor.credential_id, asked) else None,
            row.challenge_id,
        )

    def _try(self, prepared: Prepared) -> int:
        """Count a failure, durably, and only then compare."""
        factor = prepared.factor
        with self._store.begin() as transaction:
            current = transaction.begin_try(factor.credential_id, factor.kind, self._clock.seconds(), self._limits)
        if current is None:
            raise RefusedError(LOCKED[factor.kind])
        step = prepared.check(current) if current.verifier == factor.verifier else None
        if step is not None:
            self._clear_pin(factor)
            return step
        if current.failures >= self._limits.temporary:
            raise FactorLockedError(_WRONG[factor.kind], current)
        raise RefusedError(_WRONG[factor.kind])

    def _clear_pin(self, factor: FactorRow) -> None:
        """A right PIN clears its failures at once: the code beside it may be wrong and counts for itself."""
        if factor.kind is FactorKind.PIN:
            with self._store.begin() as transaction:
                transaction.pass_factor(factor.credential_id, factor.kind, 0)


def _never(_: FactorRow) -> None:
    """Compare with nothing: the try counts like any other."""


def _is_for(row: ChallengeRow, factor: FactorRow, asked: Asked, now: int) -> bool:
    """Whether a challenge was given for this factor to this client and still waits for its answer."""
    is_its = (row.credential_id, row.kind, row.client_id) == (factor.credential_id, factor.kind, asked.client_id)
    return is_its and not row.used_at and now < row.expires_at


def use_up(transaction: ActivationTransaction, verified: VerifiedEvidence) -> None:
    """Use up codes and challenges and clear their failures, in the transaction that stores the approval."""
    for kind, step in verified.steps:
        if kind is FactorKind.PIN:
            continue
        try:
            transaction.pass_factor(verified.credential_id, kind, step)
        except ConflictError as error:
            raise RefusedError(_WRONG[kind]) from error
    for kind, challenge_id in verified.challenges:
        try:
            transaction.use_challenge(challenge_id, verified.verified_at)
        except ConflictError as error:
            raise RefusedError(_WRONG[kind]) from error
