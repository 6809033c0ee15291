"""Signers' keys as the token stores them: how they are made, found, read and judged (AR-07).

A key is a private and a public object with one CKA_ID and the label `csc-signer-key`. An RSA private object
holds its public numbers; an elliptic curve's point stands in the public object alone.
"""

import secrets
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pkcs11
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pkcs11 import Attribute, MechanismFlag, ObjectClass, PrivateKey, PublicKey, Session
from pkcs11.util.ec import encode_named_curve_parameters

from csc_server.signer.device.port import DeviceFaultError, KeyFacts
from csc_server.values import KeyHandle, KeyType

SIGNER_LABEL = "csc-signer-key"
HANDLE_LENGTH = 16
"""Bytes of a random CKA_ID: two never meet."""

CURVES: dict[KeyType, tuple[bytes, ec.EllipticCurve]] = {
    KeyType.P_256: (encode_named_curve_parameters("secp256r1"), ec.SECP256R1()),
    KeyType.P_384: (encode_named_curve_parameters("secp384r1"), ec.SECP384R1()),
}
"""CKA_EC_PARAMS and curve of each key type (RFC 5480, 2.1.1)."""

SIGN_AND_VERIFY = MechanismFlag.SIGN | MechanismFlag.VERIFY
PRIVATE_TEMPLATE = {
    Attribute.PRIVATE: True,
    Attribute.SENSITIVE: True,
    Attribute.EXTRACTABLE: False,
    Attribute.SIGN: True,
    Attribute.DECRYPT: False,
    Attribute.UNWRAP: False,
    Attribute.DERIVE: False,
}
"""Every private key made here: it signs, it never leaves, nobody reads it (AR-07)."""

_OTHER_USES = (Attribute.DECRYPT, Attribute.UNWRAP, Attribute.DERIVE)
_SECRECY = (Attribute.PRIVATE, Attribute.SENSITIVE, Attribute.EXTRACTABLE, Attribute.SIGN, *_OTHER_USES)
_PUBLIC_NUMBERS = (Attribute.MODULUS, Attribute.PUBLIC_EXPONENT, Attribute.EC_PARAMS)
_READ_OF_PRIVATE = (Attribute.ID, Attribute.KEY_TYPE, *_SECRECY, *_PUBLIC_NUMBERS)
_READ_OF_PUBLIC = (Attribute.ID, Attribute.KEY_TYPE, *_PUBLIC_NUMBERS, Attribute.EC_POINT)
_OCTET_STRING = 0x04


@dataclass(frozen=True)
class SignerKey:
    """A private key of the token with what was read of it; good for the session it was found in."""

    private: Any
    facts: KeyFacts

    @property
    def key_type(self) -> KeyType:
        return self.facts.key_type


def find_signer_keys(session: Session, handle: KeyHandle | None = None) -> dict[KeyHandle, SignerKey]:
    """Return the signers' keys of a token, or those of one CKA_ID, in one search over both classes.

    A key that is not whole is left out: its public half missing, two under one CKA_ID, of a type or
    size that no credential has. It cannot sign, and the others go on (AR-07).
    """
    template: dict[Attribute, Any] = {Attribute.LABEL: SIGNER_LABEL}
    if handle is not None:
        template[Attribute.ID] = handle
    pairs: defaultdict[bytes, list[Any]] = defaultdict(list)
    for found in list(session.get_objects(template)):  # a half-read search would keep the session busy
        if isinstance(found, (PrivateKey, PublicKey)):
            attributes = read_attributes(found)
            pairs[bytes(attributes.get(Attribute.ID, b""))].append((found, attributes))
    keys = (_signer_key(KeyHandle(identifier), objects) for identifier, objects in pairs.items())
    return {key.facts.handle: key for key in keys if key is not None}


def generate_signer_key(session: Session, key_type: KeyType) -> SignerKey:
    """Make a key pair under a new CKA_ID; DeviceFaultError when the token did not make it as asked."""
    handle = KeyHandle(secrets.token_bytes(HANDLE_LENGTH))
    pair = generate_pair(session, key_type, SIGNER_LABEL, handle)
    key = _signer_key(handle, [(half, read_attributes(half)) for half in pair])
    if key is None or key.key_type is not key_type or not key.facts.is_fit:
        for half in pair:
            half.destroy()
        raise DeviceFaultError("the device made a key that is not sensitive, not extractable and sign-only")
    return key


def generate_pair(session: Session, key_type: KeyType, label: str, handle: bytes | None = None) -> tuple[Any, Any]:
    """Make a key pair as token objects; return the public and the private object."""
    wished: dict[str, Any] = {
        "id": handle,
        "label": label,
        "store": True,
        "capabilities": SIGN_AND_VERIFY,
        "private_template": PRIVATE_TEMPLATE,
    }
    if key_type.is_rsa:
        return session.generate_keypair(pkcs11.KeyType.RSA, key_type.bits, **wished)
    domain = {Attribute.EC_PARAMS: CURVES[key_type][0]}
    return session.create_domain_parameters(pkcs11.KeyType.EC, domain, local=True).generate_keypair(**wished)


def destroy_signer_key(session: Session, handle: KeyHandle) -> None:
    """Destroy every object of a CKA_ID, the private one first: half a key must not be the half that signs."""
    found = list(session.get_objects({Attribute.LABEL: SIGNER_LABEL, Attribute.ID: handle}))
    for key in sorted(found, key=lambda one: one.object_class is not ObjectClass.PRIVATE_KEY):
        key.destroy()


def read_attributes(key: Any) -> Mapping[Attribute, Any]:  # noqa: ANN401 python-pkcs11 makes a class for each key
    """Return in one call what is read of a key; what it does not have is absent, a foreign type gives nothing."""
    try:
        found: Mapping[Attribute, Any] = key.get_attributes(
            _READ_OF_PRIVATE if isinstance(key, PrivateKey) else _READ_OF_PUBLIC
        )
    except ValueError:  # a vendor's key type has no member in the library's enumeration
        return {}
    return found


def secrecy(attributes: Mapping[Attribute, Any]) -> dict[str, bool]:
    """Return the judgements of KeyFacts; what the device does not say counts against the key."""
    return {
        "sensitive": bool(attributes.get(Attribute.SENSITIVE) and attributes.get(Attribute.PRIVATE)),
        "extractable": bool(attributes.get(Attribute.EXTRACTABLE, True)),
        "sign_only": bool(attributes.get(Attribute.SIGN)) and not any(map(attributes.get, _OTHER_USES)),
    }


def public_key_info(attributes: Mapping[Attribute, Any]) -> tuple[KeyType, bytes]:
    """Return key type and SubjectPublicKeyInfo, DER; ValueError or KeyError for what no credential has."""
    key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey
    if attributes[Attribute.KEY_TYPE] is pkcs11.KeyType.RSA:
        modulus, exponent = (
            int.from_bytes(attributes[name], "big") for name in (Attribute.MODULUS, Attribute.PUBLIC_EXPONENT)
        )
        key_type = KeyType(f"RSA-{modulus.bit_length()}")
        key = rsa.RSAPublicNumbers(exponent, modulus).public_key()
    else:
        key_type, curve = _curve(bytes(attributes[Attribute.EC_PARAMS]))
        point = _point(bytes(attributes[Attribute.EC_POINT]), curve)
        key = ec.EllipticCurvePublicKey.from_encoded_point(curve, point)
    return key_type, key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _signer_key(handle: KeyHandle, objects: Iterable[tuple[Any, Mapping[Attribute, Any]]]) -> SignerKey | None:
    privates = [(key, read) for key, read in objects if isinstance(key, PrivateKey)]
    publics = [read for key, read in objects if isinstance(key, PublicKey)]
    if len(privates) != 1 or len(publics) != 1 or not handle:
        return None
    private, attributes = privates[0]
    try:
        key_type, info = public_key_info(publics[0])
        if attributes[Attribute.KEY_TYPE] is not publics[0][Attribute.KEY_TYPE]:
            return None
    except (KeyError, ValueError):
        return None
    return SignerKey(private, KeyFacts(handle=handle, key_type=key_type, public_key=info, **secrecy(attributes)))


def _curve(parameters: bytes) -> tuple[KeyType, ec.EllipticCurve]:
    for key_type, (named, curve) in CURVES.items():
        if parameters == named:
            return key_type, curve
    raise ValueError("a key on a curve that is not used here")


def _point(encoded: bytes, curve: ec.EllipticCurve) -> bytes:
    """CKA_EC_POINT is the point inside a DER OCTET STRING; some modules leave that out (PKCS#11 v2.40, 2.3.3)."""
    length = 1 + 2 * ((curve.key_size + 7) // 8)
    return encoded.removeprefix(bytes([_OCTET_STRING, length])) if len(encoded) == length + 2 else encoded
