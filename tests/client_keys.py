"""Keys of clients and the JWTs they sign, written from RFC 7515 so that wrong ones can be made as easily as right ones."""

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
Members = dict[str, Any]


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value: int, length: int | None = None) -> str:
    return base64url(value.to_bytes(length or (value.bit_length() + 7) // 8))


def unbase64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class ClientKey:
    """A private key with its JWK (RFC 7518, 6; RFC 8037, 2)."""

    def __init__(self, private: Any, algorithm: str, key_id: str = "") -> None:
        self.private = private
        self.algorithm = algorithm
        self.key_id = key_id

    @classmethod
    def make(cls, algorithm: str = "ES256", key_id: str = "") -> "ClientKey":
        makers = {
            "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
            "ES384": lambda: ec.generate_private_key(ec.SECP384R1()),
            "PS256": lambda: rsa.generate_private_key(65537, 2048),
            "RS256": lambda: rsa.generate_private_key(65537, 2048),
            "Ed25519": ed25519.Ed25519PrivateKey.generate,
            "EdDSA": ed25519.Ed25519PrivateKey.generate,
            "Ed448": ed448.Ed448PrivateKey.generate,
        }
        return cls(makers[algorithm](), algorithm, key_id)

    @classmethod
    def read(cls, jwk: Mapping[str, str]) -> "ClientKey":
        """Return the P-256 key of a private JWK."""
        private = ec.derive_private_key(int.from_bytes(unbase64url(jwk["d"])), ec.SECP256R1())
        return cls(private, "ES256", jwk.get("kid", ""))

    @property
    def public(self) -> Members:
        key = self.private.public_key()
        if isinstance(key, ec.EllipticCurvePublicKey):
            numbers, length = key.public_numbers(), (key.key_size + 7) // 8
            curve = {256: "P-256", 384: "P-384"}[key.key_size]
            return {"kty": "EC", "crv": curve, "x": number(numbers.x, length), "y": number(numbers.y, length)}
        if isinstance(key, rsa.RSAPublicKey):
            return {"kty": "RSA", "n": number(key.public_numbers().n), "e": number(key.public_numbers().e)}
        curve = "Ed448" if isinstance(key, ed448.Ed448PublicKey) else "Ed25519"
        return {"kty": "OKP", "crv": curve, "x": base64url(key.public_bytes_raw())}

    @property
    def secret(self) -> Members:
        """The JWK with its private member."""
        if isinstance(self.private, ec.EllipticCurvePrivateKey):
            return self.public | {"d": number(self.private.private_numbers().private_value, 32)}
        if isinstance(self.private, rsa.RSAPrivateKey):
            return self.public | {"d": number(self.private.private_numbers().d)}
        return self.public | {"d": base64url(self.private.private_bytes_raw())}

    @property
    def registered(self) -> Members:
        return self.public | ({"kid": self.key_id} if self.key_id else {})

    @property
    def thumbprint(self) -> str:
        text = json.dumps(self.public, separators=(",", ":"), sort_keys=True)
        return base64url(hashlib.sha256(text.encode()).digest())

    def signature(self, data: bytes) -> bytes:
        if isinstance(self.private, ec.EllipticCurvePrivateKey):
            length = (self.private.key_size + 7) // 8
            digest = hashes.SHA384() if self.algorithm == "ES384" else hashes.SHA256()
            r, s = decode_dss_signature(self.private.sign(data, ec.ECDSA(digest)))
            return r.to_bytes(length) + s.to_bytes(length)
        if isinstance(self.private, rsa.RSAPrivateKey):
            pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
            return self.private.sign(data, padding.PKCS1v15() if self.algorithm == "RS256" else pss, hashes.SHA256())
        return self.private.sign(data)

    def sign(self, header: Members, claims: Members | bytes) -> str:
        """Return a compact JWS; `alg` is this key's unless the header has another."""
        payload = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
        header = {name: value for name, value in ({"alg": self.algorithm} | header).items() if value is not None}
        signed = f"{base64url(json.dumps(header).encode())}.{base64url(payload)}"
        return f"{signed}.{base64url(self.signature(signed.encode()))}"


def sign_with_secret(header: Members, claims: Members, secret: bytes) -> str:
    """Return a JWS under HS256, or without a signature where the header says `none`."""
    signed = f"{base64url(json.dumps(header).encode())}.{base64url(json.dumps(claims).encode())}"
    mac = b"" if header["alg"] == "none" else hmac.new(secret, signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{base64url(mac)}"


def assertion_claims(client_id: str, issuer: str, now: int | None = None, **changes: Any) -> Members:
    """Return the claims of an assertion (RFC 7523, 3); a change to None leaves one out."""
    at = int(time.time()) if now is None else now
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": issuer,
        "iat": at,
        "exp": at + 60,
        "jti": secrets.token_hex(16),
    }
    return {name: value for name, value in (claims | changes).items() if value is not None}


def asserted(assertion: str, **more: str) -> dict[str, str]:
    """Return the parameters that carry an assertion (RFC 7523, 2.2)."""
    return {"client_assertion": assertion, "client_assertion_type": ASSERTION_TYPE, **more}


def proof_claims(method: str, url: str, token: str = "", now: int | None = None, **changes: Any) -> Members:
    """Return the claims of a DPoP proof (RFC 9449, 4.2); a change to None leaves one out."""
    at = int(time.time()) if now is None else now
    claims = {"htm": method, "htu": url, "iat": at, "jti": secrets.token_hex(16)}
    if token:
        claims["ath"] = base64url(hashlib.sha256(token.encode()).digest())
    return {name: value for name, value in (claims | changes).items() if value is not None}


def proof(key: ClientKey, claims: Members, **header: Any) -> str:
    return key.sign({"typ": "dpop+jwt", "jwk": key.public} | header, claims)
