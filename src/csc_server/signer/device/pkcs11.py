"""The KeyDevice over PKCS#11 (v2.40), through python-pkcs11.

python-pkcs11 initialises a module without a locking flag, so a device belongs to one process and one
thread, and is opened after the fork. One session logs in and stays for ever: closing it would log every
other one out. Objects are found once, at open, and held; nothing is searched on the way of a signature.
Any error of the module is a DeviceFaultError, and the device is not used again after one.
"""

import fcntl
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pkcs11
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pkcs11 import MGF, Attribute, Mechanism, ObjectClass, PKCS11Error
from pkcs11.util.ec import encode_named_curve_parameters

from csc_server.policy.algorithms import HashAlgorithm, SignatureMechanism, SignatureScheme, longest_salt
from csc_server.settings import DeviceSettings
from csc_server.signer.device import module_keys
from csc_server.signer.device.digest_info import digest_info
from csc_server.signer.device.module_keys import MAC_LABEL, SAD_LABEL, SEAL_LABEL, SIGNER_LABEL, Seal
from csc_server.signer.device.port import DeviceFaultError, KeyFacts
from csc_server.values import KeyHandle, KeyType

HANDLE_LENGTH = 16
_CURVES = {KeyType.P_256: "secp256r1", KeyType.P_384: "secp384r1"}
_PSS = {
    HashAlgorithm.SHA_256: (Mechanism.SHA256, MGF.SHA256),
    HashAlgorithm.SHA_384: (Mechanism.SHA384, MGF.SHA384),
    HashAlgorithm.SHA_512: (Mechanism.SHA512, MGF.SHA512),
}
_ResultT = TypeVar("_ResultT")


def open_device(settings: DeviceSettings) -> "Pkcs11Device":
    """Load the module, log in and find the keys; DeviceFaultError when the token is away."""
    with starting(settings.pin_file), _faults():
        session = open_session(settings)
        return Pkcs11Device(session, settings.module)


@contextmanager
def starting(pin_file: Path) -> Iterator[None]:
    """Let one process at a time initialise and log in: SoftHSM fails at random otherwise."""
    with pin_file.open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def open_session(settings: DeviceSettings) -> pkcs11.Session:
    """Initialise the module afresh and return a read-write session of the logged-in user."""
    library = load_module(settings.module)
    token = library.get_token(token_label=settings.token_label)
    session: pkcs11.Session = token.open(rw=True, user_pin=settings.pin_file.read_text().strip())
    return session


def load_module(module: Path) -> Any:  # noqa: ANN401 python-pkcs11 publishes no type of its library
    """Return the module, finalised and initialised again: what it knew of tokens and handles is forgotten."""
    library = pkcs11.lib(str(module))
    if library.initialized:
        library.finalize()
    library.initialize()
    return library


class Pkcs11Device:
    """KeyDevice on one logged-in session."""

    def __init__(self, session: pkcs11.Session, module: Path) -> None:
        self._session = session
        self._module = module
        self._pid = os.getpid()
        self._public = {bytes(key[Attribute.ID]): key for key in self._find(ObjectClass.PUBLIC_KEY, SIGNER_LABEL)}
        self._private = {bytes(key[Attribute.ID]): key for key in self._find(ObjectClass.PRIVATE_KEY, SIGNER_LABEL)}
        self._mac_key = self._find_one(ObjectClass.SECRET_KEY, MAC_LABEL)
        self._sad_key = self._find_one(ObjectClass.PRIVATE_KEY, SAD_LABEL)
        self._sad_public = _public_key_info(self._find_one(ObjectClass.PUBLIC_KEY, SAD_LABEL), KeyType.P_256)
        self._seal = Seal(self._find_one(ObjectClass.SECRET_KEY, SEAL_LABEL), self._mac_key)

    def keys(self) -> list[KeyFacts]:
        return self._call(lambda: [self._facts(handle) for handle in self._private if handle in self._public])

    def sign(self, handle: KeyHandle, mechanism: SignatureMechanism, digest: bytes) -> bytes:
        if len(digest) != mechanism.hash_algorithm.digest_length:
            raise ValueError("a digest of another length than its algorithm's")
        key = self._key(handle)
        if mechanism.scheme is SignatureScheme.ECDSA:
            return _der(self._call(lambda: key.sign(digest, mechanism=Mechanism.ECDSA)))
        if mechanism.scheme is SignatureScheme.RSA_PKCS1_V1_5:
            data = digest_info(mechanism.hash_algorithm, digest)
            return bytes(self._call(lambda: key.sign(data, mechanism=Mechanism.RSA_PKCS)))
        salt_length = mechanism.salt_length
        if not 0 <= salt_length <= longest_salt(KeyType(f"RSA-{key.key_length}"), mechanism.hash_algorithm):
            raise ValueError("a salt that does not fit the key")
        parameter = (*_PSS[mechanism.hash_algorithm], salt_length)
        return bytes(self._call(lambda: key.sign(digest, mechanism=Mechanism.RSA_PKCS_PSS, mechanism_param=parameter)))

    def generate_key(self, key_type: KeyType) -> KeyFacts:
        handle = secrets.token_bytes(HANDLE_LENGTH)
        public, private = self._call(lambda: self._generate(key_type, handle))
        self._public[handle], self._private[handle] = public, private
        return self._call(lambda: self._facts(handle))

    def destroy_key(self, handle: KeyHandle) -> None:
        for held, object_class in ((self._private, ObjectClass.PRIVATE_KEY), (self._public, ObjectClass.PUBLIC_KEY)):
            held.pop(handle, None)
            for key in self._call(partial(self._find, object_class, SIGNER_LABEL, handle)):
                self._call(key.destroy)

    def sign_sad(self, digest: bytes) -> bytes:
        return bytes(self._call(lambda: self._sad_key.sign(digest, mechanism=Mechanism.ECDSA)))

    def sad_public_key(self) -> bytes:
        return self._sad_public

    def authenticate(self, data: bytes) -> bytes:
        return bytes(self._call(lambda: self._mac_key.sign(data, mechanism=Mechanism.SHA256_HMAC)))

    def seal(self, plaintext: bytes, context: bytes) -> bytes:
        return self._call(lambda: self._seal.seal(plaintext, context))

    def open_sealed(self, sealed: bytes, context: bytes) -> bytes:
        return self._call(lambda: self._seal.open(sealed, context))

    def close(self) -> None:
        def end() -> None:
            self._session.close()
            pkcs11.lib(str(self._module)).finalize()

        self._call(end)

    def _call(self, call: Callable[[], _ResultT]) -> _ResultT:
        if os.getpid() != self._pid:
            raise DeviceFaultError("a device is used in another process than the one that opened it")
        with _faults():
            return call()

    def _key(self, handle: KeyHandle) -> Any:  # noqa: ANN401 python-pkcs11 makes a class for each key
        key = self._private.get(handle)
        if key is None:
            found = self._call(lambda: self._find(ObjectClass.PRIVATE_KEY, SIGNER_LABEL, handle))
            if not found:
                raise DeviceFaultError("a key is not in the device")
            key = self._private[handle] = found[0]
        return key

    def _find(self, object_class: ObjectClass, label: str, handle: bytes | None = None) -> list[Any]:
        template = {Attribute.CLASS: object_class, Attribute.LABEL: label}
        if handle is not None:
            template[Attribute.ID] = handle
        return list(self._session.get_objects(template))

    def _find_one(self, object_class: ObjectClass, label: str) -> Any:  # noqa: ANN401 as above
        found = self._find(object_class, label)
        if len(found) != 1:
            raise DeviceFaultError(f"the token has {len(found)} keys {label!r} where it must have one")
        return found[0]

    def _generate(self, key_type: KeyType, handle: bytes) -> tuple[Any, Any]:
        template = module_keys.private_template()
        if key_type.is_rsa:
            pair = self._session.generate_keypair(
                pkcs11.KeyType.RSA, key_type.bits, id=handle, label=SIGNER_LABEL, store=True, private_template=template
            )
        else:
            curve = {Attribute.EC_PARAMS: encode_named_curve_parameters(_CURVES[key_type])}
            parameters = self._session.create_domain_parameters(pkcs11.KeyType.EC, curve, local=True)
            pair = parameters.generate_keypair(id=handle, label=SIGNER_LABEL, store=True, private_template=template)
        return pair

    def _facts(self, handle: bytes) -> KeyFacts:
        private, public = self._private[handle], self._public[handle]
        key_type = _key_type(public)
        return KeyFacts(
            handle=KeyHandle(handle),
            key_type=key_type,
            public_key=_public_key_info(public, key_type),
            sensitive=private[Attribute.SENSITIVE],
            extractable=private[Attribute.EXTRACTABLE],
            sign_only=private[Attribute.SIGN] and not (private[Attribute.DECRYPT] or private[Attribute.UNWRAP]),
        )


@contextmanager
def _faults() -> Iterator[None]:
    try:
        yield
    except PKCS11Error as error:
        raise DeviceFaultError(f"the device failed: {type(error).__name__}") from error


def _key_type(public: Any) -> KeyType:  # noqa: ANN401 as above
    if public.key_type is pkcs11.KeyType.RSA:
        return KeyType(f"RSA-{public.key_length}")
    parameters = bytes(public[Attribute.EC_PARAMS])
    for key_type, name in _CURVES.items():
        if parameters == encode_named_curve_parameters(name):
            return key_type
    raise DeviceFaultError("a key on a curve that is not used here")


def _public_key_info(public: Any, key_type: KeyType) -> bytes:  # noqa: ANN401 as above
    key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey
    if key_type.is_rsa:
        exponent = int.from_bytes(public[Attribute.PUBLIC_EXPONENT], "big")
        key = rsa.RSAPublicNumbers(exponent, int.from_bytes(public[Attribute.MODULUS], "big")).public_key()
    else:
        curve = ec.SECP256R1() if key_type is KeyType.P_256 else ec.SECP384R1()
        key = ec.EllipticCurvePublicKey.from_encoded_point(curve, _point(bytes(public[Attribute.EC_POINT])))
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _point(encoded: bytes) -> bytes:
    """CKA_EC_POINT is the point inside a DER OCTET STRING (PKCS#11 v2.40, 2.3.3)."""
    return encoded[2:] if encoded[0] == 0x04 and encoded[1] == len(encoded) - 2 else encoded  # noqa: PLR2004 DER tag


def _der(raw: bytes) -> bytes:
    """Turn the r || s of CKM_ECDSA into Ecdsa-Sig-Value (RFC 3279, 2.2.3; interoperability rule A10)."""
    half = len(raw) // 2
    return encode_dss_signature(int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big"))
