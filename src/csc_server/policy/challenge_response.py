"""Answers of a signer's own key to a challenge: what is signed, and how it is verified (CSC 2.0.0.2, 11.8).

The signature covers the challenge and the transaction asked for, so an answer given for one transaction is
worth nothing for another (AU-01, EN 419 241-1 SRA_SAP.2.3).
"""

import hashlib
from collections.abc import Sequence

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

VERSION_TAG = b"csc-server/response/1"
MIN_RSA = 2048
"""Bits: ETSI TS 119 312, 6.2."""
CURVES = (ec.SECP256R1, ec.SECP384R1)

ResponseKey = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | rsa.RSAPublicKey


class UnusableKeyError(ValueError):
    """A public key that cannot be registered for responses."""


def response_data(
    challenge: str,
    client_id: str,
    credential_id: str,
    num_signatures: int,
    hash_algorithm: str,
    digests: Sequence[bytes],
) -> bytes:
    """Return the octets that a response signs: the tag, then each field after its length in eight octets.

    Args:
        challenge: as credentials/getChallenge gave it.
        client_id: of the application, as it is registered.
        credential_id: `credentialID` of the request.
        num_signatures: `numSignatures`, as eight octets, most significant first.
        hash_algorithm: `hashAlgorithmOID`, "" when absent.
        digests: decoded `hashes` in order; the field is SHA-256 over all of them, each after its length.
    """
    covered = hashlib.sha256(b"".join(_prefixed(digest) for digest in digests)).digest()
    texts = (challenge, client_id, credential_id)
    fields = [text.encode() for text in texts]
    fields += [num_signatures.to_bytes(8, "big"), hash_algorithm.encode(), covered]
    return VERSION_TAG + b"".join(_prefixed(field) for field in fields)


def read_response_key(der: bytes) -> ResponseKey:
    """Return the public key of a SubjectPublicKeyInfo.

    Raises:
        UnusableKeyError: no P-256, P-384, Ed25519 or RSA key of at least 2048 bits.
    """
    try:
        key = load_der_public_key(der)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UnusableKeyError("not a public key") from error
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, CURVES):
        return key
    if isinstance(key, ed25519.Ed25519PublicKey):
        return key
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= MIN_RSA:
        return key
    raise UnusableKeyError("a response key is P-256, P-384, Ed25519 or RSA of at least 2048 bits")


def is_right_response(key: ResponseKey, data: bytes, signature: bytes) -> bool:
    """Whether a signature is the key's: ECDSA (DER) or RSASSA-PSS (salt of 32 octets) on SHA-256, or Ed25519."""
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, data, ec.ECDSA(hashes.SHA256()))
        elif isinstance(key, rsa.RSAPublicKey):
            scheme = padding.PSS(padding.MGF1(hashes.SHA256()), hashes.SHA256.digest_size)
            key.verify(signature, data, scheme, hashes.SHA256())
        else:
            key.verify(signature, data)
    except InvalidSignature:
        return False
    return True


def _prefixed(field: bytes) -> bytes:
    return len(field).to_bytes(8, "big") + field
