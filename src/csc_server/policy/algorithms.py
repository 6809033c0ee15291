"""Which algorithms a credential may sign with, and how the OIDs of a request become one mechanism.

Rule books: ETSI TS 119 312 (hash and signature suites), RFC 8017 (RSA), RFC 5758 and FIPS 186-5 (ECDSA),
RFC 4055 (RSASSA-PSS parameters); SA-06. A change of the lists below starts there.
"""

from dataclasses import dataclass
from enum import StrEnum

from asn1crypto.algos import RSASSAPSSParams

from csc_server.errors import RefusedError
from csc_server.values import KeyType, Refusal

MAX_PARAMETERS = 512
"""Bytes of DER: RSASSA-PSS-params with every field named take fewer than 80."""


class HashAlgorithm(StrEnum):
    """Digests that may be signed; the values are the names `hashlib` uses (ETSI TS 119 312, 5.2)."""

    SHA_256 = "sha256"
    SHA_384 = "sha384"
    SHA_512 = "sha512"

    @property
    def digest_length(self) -> int:
        """Length of a digest in bytes."""
        return int(self.value[3:]) // 8


class SignatureScheme(StrEnum):
    """How a digest becomes a signature: RFC 8017, 8.2 and 8.1; FIPS 186-5, 6."""

    RSA_PKCS1_V1_5 = "rsa-pkcs1-v1_5"
    RSA_PSS = "rsa-pss"
    ECDSA = "ecdsa"


@dataclass(frozen=True)
class SignatureMechanism:
    """One way to sign; `salt_length` in bytes is for RSASSA-PSS only."""

    scheme: SignatureScheme
    hash_algorithm: HashAlgorithm
    salt_length: int = 0


RSA_ENCRYPTION = "1.2.840.113549.1.1.1"
RSASSA_PSS = "1.2.840.113549.1.1.10"
EC_PUBLIC_KEY = "1.2.840.10045.2.1"

HASH_OIDS = {
    "2.16.840.1.101.3.4.2.1": HashAlgorithm.SHA_256,
    "2.16.840.1.101.3.4.2.2": HashAlgorithm.SHA_384,
    "2.16.840.1.101.3.4.2.3": HashAlgorithm.SHA_512,
}
"""NIST CSOR arc 2.16.840.1.101.3.4.2. SHA-1, SHA-224 and MD5 are left out on purpose (SA-06)."""

DIGEST_LENGTHS = frozenset(algorithm.digest_length for algorithm in HashAlgorithm)
"""Bytes of a digest whose algorithm is not named yet."""

_RSA_COMBINED = {
    "1.2.840.113549.1.1.11": HashAlgorithm.SHA_256,
    "1.2.840.113549.1.1.12": HashAlgorithm.SHA_384,
    "1.2.840.113549.1.1.13": HashAlgorithm.SHA_512,
}
_ECDSA_COMBINED = {
    "1.2.840.10045.4.3.2": HashAlgorithm.SHA_256,
    "1.2.840.10045.4.3.3": HashAlgorithm.SHA_384,
    "1.2.840.10045.4.3.4": HashAlgorithm.SHA_512,
}

CURVE_OIDS = {KeyType.P_256: "1.2.840.10045.3.1.7", KeyType.P_384: "1.3.132.0.34"}
"""RFC 5480, 2.1.1.1."""

_PREFERRED = {
    KeyType.RSA_2048: HashAlgorithm.SHA_256,
    KeyType.RSA_3072: HashAlgorithm.SHA_384,
    KeyType.RSA_4096: HashAlgorithm.SHA_512,
    KeyType.P_256: HashAlgorithm.SHA_256,
    KeyType.P_384: HashAlgorithm.SHA_384,
}


def key_algorithms(key_type: KeyType) -> list[str]:
    """Return `key.algo` of a credential: combined OIDs, preferred digest first, the bare key OID last.

    Interoperability rules A4, A5 and R13: clients take element 0, or look for the combined OID.
    """
    combined = _RSA_COMBINED if key_type.is_rsa else _ECDSA_COMBINED
    first = _PREFERRED[key_type]
    ordered = sorted(combined, key=lambda oid: combined[oid] is not first)
    return [*ordered, *([RSASSA_PSS, RSA_ENCRYPTION] if key_type.is_rsa else [EC_PUBLIC_KEY])]


def resolve(key_type: KeyType, sign_algorithm: str, hash_algorithm: str, parameters: bytes) -> SignatureMechanism:
    """Return the mechanism that a signHash request names.

    Args:
        key_type: of the credential.
        sign_algorithm: `signAlgo`, dotted OID (CSC 1.0.4.0, 11.9).
        hash_algorithm: `hashAlgo` or `hashAlgorithmOID`, dotted OID, or "" when absent.
        parameters: decoded `signAlgoParams`, or b"" when absent.

    Raises:
        RefusedError: the OIDs are not allowed for the key, contradict each other or name no digest (R9-R11).
    """
    if sign_algorithm not in key_algorithms(key_type):
        raise RefusedError(Refusal.SIGN_ALGORITHM_INVALID)
    named = _named_hash(hash_algorithm)
    if sign_algorithm == RSASSA_PSS:
        return _resolve_pss(key_type, named, parameters)
    implied = _RSA_COMBINED.get(sign_algorithm) or _ECDSA_COMBINED.get(sign_algorithm)
    if implied and named and implied is not named:
        raise RefusedError(Refusal.HASH_ALGORITHM_INVALID)
    digest = implied or named
    if digest is None:
        raise RefusedError(Refusal.HASH_ALGORITHM_MISSING)
    scheme = SignatureScheme.RSA_PKCS1_V1_5 if key_type.is_rsa else SignatureScheme.ECDSA
    return SignatureMechanism(scheme, digest)


def _named_hash(oid: str) -> HashAlgorithm | None:
    if not oid:
        return None
    if oid not in HASH_OIDS:
        raise RefusedError(Refusal.HASH_ALGORITHM_INVALID)
    return HASH_OIDS[oid]


def longest_salt(key_type: KeyType, hash_algorithm: HashAlgorithm) -> int:
    """Return the longest salt in bytes that fits an RSA key: emLen - hLen - 2 (RFC 8017, 9.1.1)."""
    return (key_type.bits + 6) // 8 - hash_algorithm.digest_length - 2


def _resolve_pss(key_type: KeyType, named: HashAlgorithm | None, parameters: bytes) -> SignatureMechanism:
    """Honour RSASSA-PSS-params bit for bit (R12); without them the salt is as long as the digest."""
    if not parameters:
        if named is None:
            raise RefusedError(Refusal.SIGN_PARAMETERS_MISSING)
        return SignatureMechanism(SignatureScheme.RSA_PSS, named, named.digest_length)
    digest, salt_length = _read_pss(parameters)
    if named is not None and named is not digest:
        raise RefusedError(Refusal.HASH_ALGORITHM_INVALID)
    if not 0 <= salt_length <= longest_salt(key_type, digest):
        raise RefusedError(Refusal.SIGN_PARAMETERS_INVALID)
    return SignatureMechanism(SignatureScheme.RSA_PSS, digest, salt_length)


def _read_pss(parameters: bytes) -> tuple[HashAlgorithm, int]:
    """Read RSASSA-PSS-params (RFC 4055, 3.1): one allowed digest for hash and MGF1, trailer field 1."""
    if len(parameters) > MAX_PARAMETERS:
        raise RefusedError(Refusal.SIGN_PARAMETERS_INVALID)
    try:
        params = RSASSAPSSParams.load(parameters, strict=True)
        digest = HASH_OIDS.get(params["hash_algorithm"]["algorithm"].dotted)
        mask = params["mask_gen_algorithm"]
        mask_digest = HASH_OIDS.get(mask["parameters"]["algorithm"].dotted)
        salt_length = params["salt_length"].native
        fits = mask["algorithm"].native == "mgf1" and params["trailer_field"].native == "trailer_field_bc"
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise RefusedError(Refusal.SIGN_PARAMETERS_INVALID) from error
    if digest is None or digest is not mask_digest or not fits:
        raise RefusedError(Refusal.SIGN_PARAMETERS_INVALID)
    return digest, salt_length
