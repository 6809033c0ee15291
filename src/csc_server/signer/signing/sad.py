"""Signature activation data: minting, spending and extending, as rules over rows (SA-01, SA-03, SA-05).

A SAD authorises occurrences: each distinct hash with the number of times it may be signed, and for SCAL 1
occurrences without a hash, kept under b"". Hashes are compared as decoded bytes, as a multiset; the order
of a request need not be the order approved (decision 1).
"""

import hashlib
import secrets
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from csc_server.errors import RefusedError
from csc_server.signer.device.port import KeyDevice
from csc_server.signer.identity.evidence import evidence_digest
from csc_server.signer.signing.transaction import hash_list_digest
from csc_server.storage.ports.signer import ApprovalRow, CredentialRow, SadRow, SadState, Slot
from csc_server.values import KeyType, Refusal, SadId, Scal
from csc_server.wire import canonical_json, encode_base64url, parse_object

TYPE = "sad+jwt"
AUDIENCE = "csc-server/signer"
UNBOUND = b""
"""The slot of occurrences authorised without a hash."""
POLICY = "generic/1"
"""The version of the rules a SAD was minted under; another one refuses it (SA-10)."""


@dataclass(frozen=True)
class Lifetime:
    """How long SADs live: `sad` seconds each, never more than `total` seconds after the authentication."""

    sad: int
    total: int


def bind(hashes: Sequence[bytes], num_signatures: int) -> dict[bytes, Slot]:
    """Return the slots for an approval: every hash occurrence, the rest of the number without a hash."""
    slots = {digest: Slot(count, 0) for digest, count in Counter(hashes).items()}
    if num_signatures > len(hashes):
        slots[UNBOUND] = Slot(num_signatures - len(hashes), 0)
    return slots


CLOCK_AHEAD = 10
"""Seconds that the clock of the process that minted a SAD may have been ahead of ours (SA-09)."""


def check_presented(sad: SadRow | None, now: int) -> SadRow:
    """Return a SAD that is live now, not from the future and of the running policy, else raise RefusedError."""
    if sad is None or sad.state is not SadState.LIVE or sad.policy != POLICY:
        raise RefusedError(Refusal.SAD_INVALID)
    if sad.issued_at > now + CLOCK_AHEAD:
        raise RefusedError(Refusal.SAD_INVALID)
    if now >= sad.expires_at:
        raise RefusedError(Refusal.SAD_EXPIRED)
    return sad


def take(slots: Mapping[bytes, Slot], wanted: Iterable[bytes]) -> dict[bytes, Slot]:
    """Return the slots after spending each wanted occurrence once, or raise RefusedError; nothing in between.

    A bound occurrence is spent before an unbound one.
    """
    after = dict(slots)
    for digest in wanted:
        name = digest if _left(after.get(digest)) else UNBOUND
        slot = after.get(name)
        if slot is None or not _left(slot):
            raise RefusedError(_why_not(slots, digest))
        after[name] = Slot(slot.authorised, slot.spent + 1)
    return after


def successor_slots(sad: SadRow, hashes: Sequence[bytes]) -> dict[bytes, Slot]:
    """Return the slots of the SAD that replaces this one; they never widen the approval (decision 15).

    What is unspent carries over. SCAL 2: the hashes named must be among the unspent occurrences. SCAL 1: a
    hash that is not bound yet takes an occurrence authorised without one.
    """
    left = {digest: slot.authorised - slot.spent for digest, slot in sad.slots.items() if _left(slot)}
    if not left:
        raise RefusedError(Refusal.SAD_EXHAUSTED)
    if sad.scal is Scal.TWO and not hashes:
        raise RefusedError(Refusal.HASHES_REQUIRED)
    for digest, count in Counter(hashes).items():
        new = max(0, count - left.get(digest, 0))
        if new > left.get(UNBOUND, 0):
            raise RefusedError(Refusal.HASH_NOT_AUTHORIZED)
        if new:
            left[UNBOUND] -= new
            left[digest] = left.get(digest, 0) + new
    return {digest: Slot(count, 0) for digest, count in left.items() if count}


def new_row(approval: ApprovalRow, slots: Mapping[bytes, Slot], now: int, lifetime: Lifetime) -> SadRow:
    """Return the row of a SAD for an approval, its hash still empty."""
    limit = approval.auth_at + lifetime.total
    return SadRow(
        sad_id=SadId(secrets.token_urlsafe(16)),
        sad_hash=b"",
        approval_id=approval.approval_id,
        client_id=approval.client_id,
        signer_id=approval.signer_id,
        credential_id=approval.credential_id,
        key_fingerprint=approval.key_fingerprint,
        scal=approval.scal,
        hash_algorithm=approval.hash_algorithm,
        slots=slots,
        authorised=sum(slot.authorised for slot in slots.values()),
        spent=0,
        state=SadState.LIVE,
        version=1,
        issued_at=now,
        expires_at=min(now + lifetime.sad, limit),
        limit_at=limit,
        policy=POLICY,
    )


class SadMinter:
    """Turns the row of a SAD into the string a client gets: a JWS that only the device can make (SA-01)."""

    def __init__(self, device: KeyDevice, issuer: str) -> None:
        self._device = device
        self._issuer = issuer
        key_id = encode_base64url(hashlib.sha256(device.sad_public_key()).digest())
        self._header = encode_base64url(canonical_json({"alg": "ES256", "kid": key_id, "typ": TYPE}))

    def mint(self, row: SadRow, approval: ApprovalRow, credential: CredentialRow) -> tuple[str, SadRow]:
        """Return the compact JWS (RFC 7515, 3.1) and the row with its SHA-256."""
        payload = encode_base64url(canonical_json(self._claims(row, approval, credential)))
        signed = f"{self._header}.{payload}"
        signature = self._device.sign_sad(hashlib.sha256(signed.encode()).digest())
        text = f"{signed}.{encode_base64url(signature)}"
        return text, replace(row, sad_hash=sad_hash(text))

    def _claims(self, row: SadRow, approval: ApprovalRow, credential: CredentialRow) -> dict[str, Any]:
        evidence = parse_object(approval.evidence)
        bound = sorted(digest for digest in row.slots if digest)
        return {
            "iss": self._issuer,
            "aud": AUDIENCE,
            "jti": row.sad_id,
            "iat": row.issued_at,
            "nbf": row.issued_at,
            "exp": row.expires_at,
            "sub": row.signer_id,
            "client_id": row.client_id,
            "cred": row.credential_id,
            "kfp": encode_base64url(row.key_fingerprint),
            "cser": encode_base64url(hashlib.sha256(credential.certificates[0]).digest()),
            "n": row.authorised,
            "hh": encode_base64url(hash_list_digest(bound)),
            "halg": row.hash_algorithm,
            "salg": "RSA" if KeyType(credential.key_type).is_rsa else "ECDSA",
            "sid": row.approval_id,
            "idv": encode_base64url(approval.transaction_hash),
            "evh": evidence_digest(approval.evidence),
            "acr": f"SCAL{row.scal}",
            "amr": evidence["amr"],
            "auth_time": approval.auth_at,
            "scal": row.scal,
            "pol": row.policy,
        }


def sad_hash(text: str) -> bytes:
    """Return the SHA-256 under which a SAD, or a credential-scope token, stands in the store."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _left(slot: Slot | None) -> bool:
    return slot is not None and slot.spent < slot.authorised


def _why_not(slots: Mapping[bytes, Slot], digest: bytes) -> Refusal:
    """A hash that was never authorised is told apart from a number used up (CSC 1.0.4.0, 11.9)."""
    used_up = digest in slots or UNBOUND in slots or not any(_left(slot) for slot in slots.values())
    return Refusal.SAD_EXHAUSTED if used_up else Refusal.HASH_NOT_AUTHORIZED
