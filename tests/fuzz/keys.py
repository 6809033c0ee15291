"""One key for JWTs of the fuzzer, and a verification that uses nothing of ours."""

import base64
import binascii
import hashlib
import json

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from fuzz.source import encode

KEY = ec.derive_private_key(2**200 + 1, ec.SECP256R1())
_NUMBERS = KEY.public_key().public_numbers()
JWK = {
    "kty": "EC", "crv": "P-256", "x": encode(_NUMBERS.x.to_bytes(32)), "y": encode(_NUMBERS.y.to_bytes(32)),
}  # fmt: skip
THUMBPRINT = encode(
    hashlib.sha256(
        json.dumps({name: JWK[name] for name in sorted(JWK)}, separators=(",", ":")).encode()
    ).digest()
)  # fmt: skip


def sign(data: bytes) -> bytes:
    """Return an ES256 signature (RFC 7518, 3.4)."""
    r, s = utils.decode_dss_signature(KEY.sign(data, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32) + s.to_bytes(32)


def is_signed(text: str) -> bool:
    """Whether the last part of a compact JWS is the key's signature of the first two."""
    signed, _, signature = text.rpartition(".")
    try:
        octets = base64.urlsafe_b64decode(signature + "==")
        value = utils.encode_dss_signature(int.from_bytes(octets[:32]), int.from_bytes(octets[32:]))
        KEY.public_key().verify(value, signed.encode(), ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return len(octets) == 64
