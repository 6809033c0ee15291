"""The transaction hash: one digest over all that a signer is asked to approve (AU-02).

EN 419 241-1 SRA_SAP.2.3 asks that activation data is bound to the data to be signed, the key and the
signer. Every field is length-prefixed, so no two different transactions share an encoding.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from csc_server.values import ApprovalId, ClientId, CredentialId, SignerId

VERSION_TAG = b"csc-server/transaction/1"


@dataclass(frozen=True)
class TransactionFacts:
    """What is approved. `key_fingerprint` is SHA-256 of the public key, `nonce` 32 random bytes.

    `hash_algorithm` is a dotted OID, "" when the client named none. No request to authorize can name a signature
    algorithm (CSC 1.0.4.0, 11.6); the key and the hash algorithm bound what signHash may choose.
    """

    approval_id: ApprovalId
    client_id: ClientId
    signer_id: SignerId
    credential_id: CredentialId
    key_fingerprint: bytes
    hash_algorithm: str
    hashes: tuple[bytes, ...]
    labels: tuple[str, ...]
    num_signatures: int
    expires_at: int
    nonce: bytes


def transaction_hash(facts: TransactionFacts) -> bytes:
    """Return SHA-256 over the version tag and the fields of a transaction, in the order of the class."""
    digest = hashlib.sha256(VERSION_TAG)
    for field in (
        facts.approval_id.encode(),
        facts.client_id.encode(),
        facts.signer_id.encode(),
        facts.credential_id.encode(),
        facts.key_fingerprint,
        facts.hash_algorithm.encode(),
        _sequence(facts.hashes),
        _sequence([label.encode() for label in facts.labels]),
        facts.num_signatures.to_bytes(8, "big"),
        facts.expires_at.to_bytes(8, "big"),
        facts.nonce,
    ):
        digest.update(_prefixed(field))
    return digest.digest()


def hash_list_digest(hashes: Sequence[bytes]) -> bytes:
    """Return one digest for an ordered list of hashes (claim `hh`, audit)."""
    return hashlib.sha256(b"csc-server/hashes/1" + _sequence(hashes)).digest()


def _prefixed(field: bytes) -> bytes:
    return len(field).to_bytes(8, "big") + field


def _sequence(fields: Sequence[bytes]) -> bytes:
    return len(fields).to_bytes(8, "big") + b"".join(_prefixed(field) for field in fields)
