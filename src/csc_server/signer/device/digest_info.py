"""What RSASSA-PKCS1-v1_5 really signs: DigestInfo, built here and nowhere else (RFC 8017, 9.2)."""

from csc_server.policy.algorithms import HashAlgorithm

PREFIXES = {
    HashAlgorithm.SHA_256: bytes.fromhex("3031300d060960864801650304020105000420"),
    HashAlgorithm.SHA_384: bytes.fromhex("3041300d060960864801650304020205000430"),
    HashAlgorithm.SHA_512: bytes.fromhex("3051300d060960864801650304020305000440"),
}
"""DER of DigestInfo up to the digest (RFC 8017, 9.2, note 1)."""


def digest_info(algorithm: HashAlgorithm, digest: bytes) -> bytes:
    """Return the DER of DigestInfo; ValueError for a digest of another length than the algorithm's."""
    if len(digest) != algorithm.digest_length:
        raise ValueError("a digest of another length than its algorithm's")
    return PREFIXES[algorithm] + digest
