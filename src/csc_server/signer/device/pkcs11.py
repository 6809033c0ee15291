"""The KeyDevice over PKCS#11 (v2.40), through python-pkcs11.

One session logs in and stays for ever: closing it would log every other one out. Keys are found once, at
open, and held; nothing is searched on the way of a signature. Any error of the module is a DeviceFaultError,
and the device refuses to be used after one: an error may have left an operation open in its session, and
handles of another initialisation may name another signer's key.
"""

from collections.abc import Callable, Collection
from pathlib import Path
from typing import ParamSpec, TypeVar

from pkcs11 import MGF, Mechanism, PKCS11Error, Session

from csc_server.policy.algorithms import HashAlgorithm, SignatureMechanism, SignatureScheme, longest_salt
from csc_server.settings import DeviceSettings
from csc_server.signer.device.digest_info import digest_info
from csc_server.signer.device.ecdsa_value import to_der
from csc_server.signer.device.module_keys import SEAL_DOMAIN, find_module_keys
from csc_server.signer.device.port import DeviceFaultError, KeyFacts
from csc_server.signer.device.session import Loading, faults, open_session, starting, unload_module
from csc_server.signer.device.signer_keys import SignerKey, destroy_signer_key, find_signer_keys, generate_signer_key
from csc_server.values import KeyHandle, KeyType

_PSS = {
    HashAlgorithm.SHA_256: (Mechanism.SHA256, MGF.SHA256),
    HashAlgorithm.SHA_384: (Mechanism.SHA384, MGF.SHA384),
    HashAlgorithm.SHA_512: (Mechanism.SHA512, MGF.SHA512),
}
SIGNING = frozenset({Mechanism.RSA_PKCS, Mechanism.RSA_PKCS_PSS, Mechanism.ECDSA})
"""What `info` and `key.algo` name algorithms for."""
_COORDINATE = {KeyType.P_256: 32, KeyType.P_384: 48}
"""Bytes of r and of s."""
_SAD_DIGEST = HashAlgorithm.SHA_256.digest_length
_P = ParamSpec("_P")
_ResultT = TypeVar("_ResultT")


def open_device(settings: DeviceSettings) -> "Pkcs11Device":
    """Load the module, log in and find the keys; DeviceFaultError when the token is away.

    A device opened before in this process is dead from here on.
    """
    with starting(settings):
        session, loading = open_session(settings)
    with faults("the mechanisms of the device cannot be read"):
        check_mechanisms(session.token.slot.get_mechanisms())
    with faults("the keys of the device cannot be read"):  # long with many keys: outside the lock
        return Pkcs11Device(session, loading, settings.module)


def check_mechanisms(offered: Collection[Mechanism]) -> None:
    """Raise DeviceFaultError unless the device can make every kind of signature that clients are told of."""
    missing = sorted(mechanism.name for mechanism in SIGNING.difference(offered))
    if missing:
        raise DeviceFaultError(f"the device does not offer {', '.join(missing)}")


class Pkcs11Device:
    """KeyDevice on one logged-in session; single-threaded."""

    def __init__(self, session: Session, loading: Loading, module: Path) -> None:
        self._session = session
        self._loading = loading
        self._module = module
        self._failed = False
        self._module_keys = find_module_keys(session)
        self._keys = find_signer_keys(session)

    def keys(self) -> list[KeyFacts]:
        self._check()
        return [key.facts for key in self._keys.values()]

    def key(self, handle: KeyHandle) -> KeyFacts | None:
        self._check()
        key = self._find(handle)
        return key.facts if key else None

    def sign(self, handle: KeyHandle, mechanism: SignatureMechanism, digest: bytes) -> bytes:
        if len(digest) != mechanism.hash_algorithm.digest_length:
            raise ValueError("a digest of another length than its algorithm's")
        key = self._find(handle)
        if key is None:
            raise DeviceFaultError("a key is not in the device")
        if not key.facts.is_fit:
            raise DeviceFaultError("a key that is not sensitive, not extractable and sign-only does not sign")
        if key.key_type.is_rsa is (mechanism.scheme is SignatureScheme.ECDSA):
            raise ValueError("a scheme of another key type")
        if mechanism.scheme is SignatureScheme.ECDSA:
            return self._sign_ecdsa(key, digest)
        if mechanism.scheme is SignatureScheme.RSA_PSS:
            return self._sign_pss(key, mechanism, digest)
        info = digest_info(mechanism.hash_algorithm, digest)
        return bytes(self._call(key.private.sign, info, mechanism=Mechanism.RSA_PKCS))

    def generate_key(self, key_type: KeyType) -> KeyFacts:
        key = self._call(generate_signer_key, self._session, key_type)
        self._keys[key.facts.handle] = key
        return key.facts

    def destroy_key(self, handle: KeyHandle) -> None:
        self._keys.pop(handle, None)
        self._call(destroy_signer_key, self._session, handle)

    def sign_sad(self, digest: bytes) -> bytes:
        if len(digest) != _SAD_DIGEST:
            raise ValueError("not a SHA-256 digest")
        return bytes(self._call(self._module_keys.sad_key.sign, digest, mechanism=Mechanism.ECDSA))

    def sad_public_key(self) -> bytes:
        return self._module_keys.sad_public_key

    def authenticate(self, data: bytes) -> bytes:
        if data.startswith(SEAL_DOMAIN):
            raise ValueError("data in the domain of sealed values, which have the same key")
        return bytes(self._call(self._module_keys.mac_key.sign, data, mechanism=Mechanism.SHA256_HMAC))

    def seal(self, plaintext: bytes, context: bytes) -> bytes:
        return self._call(self._module_keys.seal.seal, plaintext, context)

    def open_sealed(self, sealed: bytes, context: bytes) -> bytes:
        return self._call(self._module_keys.seal.open, sealed, context)

    def close(self) -> None:
        """Finalise the module, which ends the session and its login; nothing when it is not this device's any more."""
        if self._loading.is_current:
            unload_module(self._module)

    def _sign_ecdsa(self, key: SignerKey, digest: bytes) -> bytes:
        raw = self._call(key.private.sign, digest, mechanism=Mechanism.ECDSA)
        try:
            return to_der(raw, _COORDINATE[key.key_type])
        except ValueError as error:
            self._failed = True
            raise DeviceFaultError("the device answered what is no ECDSA signature") from error

    def _sign_pss(self, key: SignerKey, mechanism: SignatureMechanism, digest: bytes) -> bytes:
        if not 0 <= mechanism.salt_length <= longest_salt(key.key_type, mechanism.hash_algorithm):
            raise ValueError("a salt that does not fit the key")
        parameter = (*_PSS[mechanism.hash_algorithm], mechanism.salt_length)
        return bytes(self._call(key.private.sign, digest, mechanism=Mechanism.RSA_PKCS_PSS, mechanism_param=parameter))

    def _find(self, handle: KeyHandle) -> SignerKey | None:
        """Return a key, looking once for one that another process made since this device was opened."""
        known = self._keys.get(handle)
        if known is None:
            known = self._call(find_signer_keys, self._session, handle).get(handle)
            if known is not None:
                self._keys[handle] = known
        return known

    def _check(self) -> None:
        if self._failed:
            raise DeviceFaultError("the device failed before and was not opened again")
        if not self._loading.is_current:
            raise DeviceFaultError("a device is used after its end, or in another process than the one that opened it")

    def _call(self, call: Callable[_P, _ResultT], *args: _P.args, **kwargs: _P.kwargs) -> _ResultT:
        self._check()
        try:
            return call(*args, **kwargs)
        except PKCS11Error as error:
            self._failed = True
            raise DeviceFaultError(f"the device failed: {type(error).__name__}") from error
