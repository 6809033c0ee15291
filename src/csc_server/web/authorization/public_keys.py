"""Public keys of clients as JSON Web Keys, read strictly (RFC 7517, RFC 7518, 6; RFC 8037, 2; RFC 8725, 3).

Registered key sets and the `jwk` of a DPoP proof pass through here: only the key types of OA-14, only public
members, and each member in its one form.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from csc_server.errors import MalformedInputError
from csc_server.wire import decode_base64, decode_base64url

MAX_KEYS = 16
"""Keys of one registration: some for use, some for a change of keys."""
MAX_KEY_ID = 255

_RSA_BYTES = range(256, 513)
"""Moduli of 2048 (RFC 7518, 3.5) to 4096 bits: longer ones only cost the verifier time."""
_EXPONENTS = range(2**16 + 1, 2**32, 2)
"""FIPS 186-5, A.1.1: larger than 2^16 and odd; the upper bound keeps verification cheap."""
_COORDINATE_BYTES = 32

_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_ALGORITHMS = {"RSA": ("PS256",), "EC": ("ES256",), "OKP": ("Ed25519", "EdDSA")}
_MEMBERS = {"RSA": ("n", "e"), "EC": ("crv", "x", "y"), "OKP": ("crv", "x")}
_CURVES = {"EC": "P-256", "OKP": "Ed25519"}


@dataclass(frozen=True)
class PublicKey:
    """A key that verifies; `thumbprint` is that of RFC 7638 with SHA-256, in base64url."""

    key: RSAKey | ECKey | OKPKey
    algorithms: tuple[str, ...]
    key_id: str
    thumbprint: str


def read_public_key(members: object) -> PublicKey:
    """Return the key that a JWK describes.

    Raises:
        MalformedInputError: another key type, curve or size, a private member, a use that is not verifying.
    """
    if not isinstance(members, Mapping):
        raise MalformedInputError("not a JWK")
    kind = members.get("kty")
    if not isinstance(kind, str) or kind not in _MEMBERS:
        raise MalformedInputError("a key type that is not supported")
    if not _PRIVATE.isdisjoint(members):
        raise MalformedInputError("a private key")
    _check_purpose(members)
    _check_material(kind, members)
    algorithms = _ALGORITHMS[kind]
    if "alg" in members:
        algorithms = tuple(name for name in algorithms if name == members["alg"])
    key = _imported(kind, members)
    return PublicKey(key, algorithms, _key_id(members), key.thumbprint())


def read_key_set(jwks: Mapping[str, Any]) -> tuple[PublicKey, ...]:
    """Return the keys of a JWK Set (RFC 7517, 5); raise MalformedInputError for one that is not usable."""
    return tuple(read_public_key(members) for members in _entries(jwks))


def read_certificates(jwks: Mapping[str, Any]) -> tuple[bytes, ...]:
    """Return the certificates (DER) of a JWK Set, the first of each `x5c` (RFC 7517, 4.7; RFC 8705, 2.2.2)."""
    chains = [members.get("x5c") for members in _entries(jwks) if isinstance(members, Mapping)]
    firsts = [chain[0] for chain in chains if isinstance(chain, list) and chain]
    return tuple(decode_base64(first) for first in firsts if isinstance(first, str))


def _entries(jwks: Mapping[str, Any]) -> list[object]:
    entries = jwks.get("keys")
    if not isinstance(entries, list) or not 0 < len(entries) <= MAX_KEYS:
        raise MalformedInputError("not a JWK Set")
    return entries


def _check_purpose(members: Mapping[str, Any]) -> None:
    """RFC 7517, 4.2 and 4.3: a key that says what it is for must say verifying."""
    operations = members.get("key_ops", ["verify"])
    if members.get("use", "sig") != "sig" or not isinstance(operations, list) or "verify" not in operations:
        raise MalformedInputError("a key for another use")


def _check_material(kind: str, members: Mapping[str, Any]) -> None:
    if members.get("crv") != _CURVES.get(kind):
        raise MalformedInputError("a curve that is not supported")
    values = {name: _octets(members.get(name)) for name in _MEMBERS[kind] if name != "crv"}
    if kind == "RSA":
        well_sized = len(values["n"]) in _RSA_BYTES and int.from_bytes(values["e"]) in _EXPONENTS
        if not well_sized or not values["n"][0] or not values["e"][0]:
            raise MalformedInputError("an RSA key that is not supported")
    elif any(len(value) != _COORDINATE_BYTES for value in values.values()):
        raise MalformedInputError("a coordinate of another length")


def _octets(value: object) -> bytes:
    if not isinstance(value, str) or not value:
        raise MalformedInputError("a key without its members")
    return decode_base64url(value)


def _key_id(members: Mapping[str, Any]) -> str:
    key_id = members.get("kid", "")
    if not isinstance(key_id, str) or len(key_id) > MAX_KEY_ID:
        raise MalformedInputError("a key id of another type")
    return key_id


def _imported(kind: str, members: Mapping[str, Any]) -> RSAKey | ECKey | OKPKey:
    """Have the key built of its own members alone; a point off the curve is found here."""
    plain: Any = {"kty": kind, **{name: members[name] for name in _MEMBERS[kind]}}
    key_types: dict[str, type[RSAKey | ECKey | OKPKey]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}
    try:
        key = key_types[kind].import_key(plain)
        _ = key.public_key
    except (JoseError, ValueError, TypeError) as error:
        raise MalformedInputError("not a public key") from error
    return key
