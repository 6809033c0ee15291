"""From the r || s that CKM_ECDSA answers to the Ecdsa-Sig-Value that the API returns (interoperability rule A10)."""

from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature


def to_der(raw: bytes, size: int) -> bytes:
    """Return Ecdsa-Sig-Value, DER (RFC 3279, 2.2.3), of r || s, each `size` bytes (PKCS#11 v2.40, 2.3.1).

    Raises ValueError for any other length, and for r or s of 0, which no signature has (FIPS 186-5, 6.4).
    """
    r, s = int.from_bytes(raw[:size], "big"), int.from_bytes(raw[size:], "big")
    if len(raw) != 2 * size or not r or not s:
        raise ValueError("not the r || s of this curve")
    return encode_dss_signature(r, s)
