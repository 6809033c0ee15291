"""From what a client asks to what a signer approved: the rows of a transaction (ARCHITECTURE, life of a signature).

open -> approved -> activated, and void from anywhere; nothing leaves void (decision 26 d).
"""

import secrets
from dataclasses import replace

from csc_server.activation.parts import Caller, Transaction
from csc_server.errors import RefusedError
from csc_server.policy.algorithms import DIGEST_LENGTHS, HASH_OIDS
from csc_server.signer.identity.evidence import VerifiedEvidence
from csc_server.signer.signing.transaction import TransactionFacts, transaction_hash
from csc_server.storage.ports.signer import ApprovalRow, ApprovalState, CredentialRow
from csc_server.values import ApprovalId, Refusal, Scal

NONCE_LENGTH = 32
MAX_LABEL = 500
"""Characters: the length CSC 1.0.4.0, 11.6 gives a description."""


def check_transaction(credential: CredentialRow, transaction: Transaction, max_hashes: int) -> None:
    """Raise RefusedError unless a credential may be asked for this transaction (CSC 1.0.4.0, 11.6).

    SCAL 2 binds every signature to a hash: as many hashes as signatures (decision 15).
    """
    if transaction.num_signatures < 1:
        raise RefusedError(Refusal.NUM_SIGNATURES_INVALID)
    if transaction.num_signatures > min(credential.multisign, max_hashes):
        raise RefusedError(Refusal.NUM_SIGNATURES_TOO_HIGH)
    count = len(transaction.hashes)
    if credential.scal is Scal.TWO and count == 0:
        raise RefusedError(Refusal.HASHES_REQUIRED)
    if count > transaction.num_signatures or (credential.scal is Scal.TWO and count < transaction.num_signatures):
        raise RefusedError(Refusal.HASH_COUNT_INVALID)
    check_digests(transaction.hashes, transaction.hash_algorithm)
    if transaction.labels and (len(transaction.labels) != count or max(map(len, transaction.labels)) > MAX_LABEL):
        raise RefusedError(Refusal.HASH_COUNT_INVALID, "labels do not run beside the hashes")


def check_digests(hashes: tuple[bytes, ...], hash_algorithm: str) -> None:
    """Raise RefusedError unless each hash has the length of its algorithm, or of any when none is named."""
    lengths = DIGEST_LENGTHS
    if hash_algorithm:
        if hash_algorithm not in HASH_OIDS:
            raise RefusedError(Refusal.HASH_ALGORITHM_INVALID)
        lengths = frozenset({HASH_OIDS[hash_algorithm].digest_length})
    if any(len(digest) not in lengths for digest in hashes):
        raise RefusedError(Refusal.DIGEST_LENGTH)


def open_approval(
    caller: Caller, credential: CredentialRow, transaction: Transaction, now: int, lifetime: int
) -> ApprovalRow:
    """Return the row of a transaction that waits for evidence."""
    approval_id = ApprovalId(secrets.token_urlsafe(24))
    nonce = secrets.token_bytes(NONCE_LENGTH)
    facts = TransactionFacts(
        approval_id=approval_id,
        client_id=caller.client_id,
        signer_id=credential.signer_id,
        credential_id=credential.credential_id,
        key_fingerprint=credential.key_fingerprint,
        hash_algorithm=transaction.hash_algorithm,
        hashes=transaction.hashes,
        labels=transaction.labels,
        num_signatures=transaction.num_signatures,
        expires_at=now + lifetime,
        nonce=nonce,
    )
    return ApprovalRow(
        approval_id=approval_id,
        client_id=caller.client_id,
        signer_id=credential.signer_id,
        credential_id=credential.credential_id,
        key_fingerprint=credential.key_fingerprint,
        num_signatures=transaction.num_signatures,
        hashes=transaction.hashes,
        labels=transaction.labels,
        hash_algorithm=transaction.hash_algorithm,
        scal=credential.scal,
        nonce=nonce,
        transaction_hash=transaction_hash(facts),
        state=ApprovalState.OPEN,
        created_at=now,
        expires_at=now + lifetime,
    )


def approved(row: ApprovalRow, verified: VerifiedEvidence) -> ApprovalRow:
    """Return an open approval with the evidence that approves it."""
    return replace(
        row,
        state=ApprovalState.APPROVED,
        evidence=verified.describe(row.transaction_hash),
        auth_at=verified.verified_at,
        version=row.version + 1,
    )


def activated(row: ApprovalRow, token_hash: bytes) -> ApprovalRow:
    """Return an approved approval after its SAD was minted."""
    return replace(row, state=ApprovalState.ACTIVATED, token_hash=token_hash, version=row.version + 1)


def voided(row: ApprovalRow) -> ApprovalRow:
    """Return an approval that is dead for good."""
    return replace(row, state=ApprovalState.VOID, version=row.version + 1)


def check_open(row: ApprovalRow | None, caller: Caller, now: int) -> ApprovalRow:
    """Return an approval that still waits for this caller's evidence, else raise RefusedError."""
    if row is None or row.state is not ApprovalState.OPEN or now >= row.expires_at:
        raise RefusedError(Refusal.APPROVAL_INVALID)
    if (row.client_id, row.signer_id) != (caller.client_id, caller.signer_id):
        raise RefusedError(Refusal.APPROVAL_INVALID)
    return row
