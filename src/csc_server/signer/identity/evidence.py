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

from csc_server.activation.messages import Evidence
from csc_server.clock import Clock
from csc_server.errors import RefusedError
from csc_server.policy.one_time_codes import accepted_step
from csc_server.signer.device.port import KeyDevice
from csc_server.signer.identity.one_time_code import open_seed
from csc_server.signer.identity.pin import PIN_COST, PinCost, is_right_pin, key_pin
from csc_server.storage.ports.signer import ActivationStore, ActivationTransaction, ConflictError, FactorRow, LockLimits
from csc_server.values import CredentialId, FactorKind, Refusal, Scal
from csc_server.wire import Json, canonical_json, encode_base64url

_MISSING = {FactorKind.PIN: Refusal.PIN_MISSING, FactorKind.OTP: Refusal.OTP_MISSING}
_WRONG = {FactorKind.PIN: Refusal.PIN_INVALID, FactorKind.OTP: Refusal.OTP_INVALID}
_LOCKED = {FactorKind.PIN: Refusal.PIN_LOCKED, FactorKind.OTP: Refusal.OTP_LOCKED}

SUFFICIENT: Mapping[Scal, frozenset[frozenset[FactorKind]]] = {
    Scal.ONE: frozenset({frozenset({FactorKind.PIN}), frozenset({FactorKind.PIN, FactorKind.OTP})}),
    Scal.TWO: frozenset({frozenset({FactorKind.PIN, FactorKind.OTP})}),
}
"""Which sets of factors reach which level; what is not listed is refused (AU-01, decision 17)."""


class FactorLockedError(RefusedError):
    """A wrong secret that locked its factor: to the caller like any other, to the audit an event of its own."""

    def __init__(self, refusal: Refusal, factor: FactorRow) -> None:
        super().__init__(refusal)
        self.credential_id = factor.credential_id
        self.kind = factor.kind
        self.failures = factor.failures


@dataclass(frozen=True)
class VerifiedEvidence:
    """Factors proved right: kind and, for a one-time code, its time step (0 for a PIN)."""

    credential_id: CredentialId
    steps: tuple[tuple[FactorKind, int], ...]
    verified_at: int

    @property
    def methods(self) -> list[Json]:
        """Authentication methods in the words of RFC 8176, 2."""
        return [kind.value.lower() for kind, _ in self.steps]

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


Check = Callable[[FactorRow], int | None]
"""Compares a secret with the current row of its factor: the time step used (0 for a PIN), None when wrong."""


class EvidenceVerifier:
    """Compares PINs and one-time codes with the signer's own store."""

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

    def verify(self, credential_id: CredentialId, kinds: Sequence[FactorKind], evidence: Evidence) -> VerifiedEvidence:
        """Verify every factor in `kinds`, at least one, or raise RefusedError."""
        given = {FactorKind.PIN: evidence.pin, FactorKind.OTP: evidence.otp}
        if not kinds:
            raise RefusedError(Refusal.CREDENTIAL_DISABLED, "a credential without factors")
        for kind in kinds:
            if not given[kind]:
                raise RefusedError(_MISSING[kind])
        with self._store.read() as reading:
            factors = reading.factors(credential_id)
        checks = [(kind, self._prepare(kind, factors[kind], given[kind] or "")) for kind in kinds]
        steps = tuple((kind, self._try(factors[kind], check)) for kind, check in checks)
        return VerifiedEvidence(credential_id, steps, self._clock.seconds())

    def _prepare(self, kind: FactorKind, factor: FactorRow, secret: str) -> Check:
        """Do the device's part of a comparison, before anything is counted."""
        if kind is FactorKind.PIN:
            keyed = key_pin(self._device, factor.credential_id, secret)
            return lambda current: 0 if is_right_pin(keyed, current, self._pin_cost) else None
        seed = open_seed(self._device, factor)
        return lambda current: accepted_step(seed, secret, self._clock.seconds(), current.last_step)

    def _try(self, factor: FactorRow, check: Check) -> int:
        """Count a failure, durably, and only then compare."""
        with self._store.begin() as transaction:
            current = transaction.begin_try(factor.credential_id, factor.kind, self._clock.seconds(), self._limits)
        if current is None:
            raise RefusedError(_LOCKED[factor.kind])
        step = check(current) if current.verifier == factor.verifier else None
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


def use_up(transaction: ActivationTransaction, verified: VerifiedEvidence) -> None:
    """Use up the one-time code and clear its failures, in the transaction that stores the approval."""
    for kind, step in verified.steps:
        if kind is FactorKind.PIN:
            continue
        try:
            transaction.pass_factor(verified.credential_id, kind, step)
        except ConflictError as error:
            raise RefusedError(_WRONG[kind]) from error
