"""A complete KeyDevice in software: the second adapter of the device's contract suite, and fast."""

import hashlib
import hmac
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from csc_server.policy.algorithms import HashAlgorithm, SignatureScheme, longest_salt
from csc_server.signer.device.port import DeviceFaultError, KeyFacts
from csc_server.values import KeyHandle, KeyType

_HASHES = {
    HashAlgorithm.SHA_256: hashes.SHA256(),
    HashAlgorithm.SHA_384: hashes.SHA384(),
    HashAlgorithm.SHA_512: hashes.SHA512(),
}
_CURVES = {KeyType.P_256: ec.SECP256R1(), KeyType.P_384: ec.SECP384R1()}


def _info(key):
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


class SoftwareDevice:
    def __init__(self):
        self._keys = {}
        self._sad_key = ec.generate_private_key(ec.SECP256R1())
        self._mac_key = secrets.token_bytes(32)
        self._sealing = AESGCM(secrets.token_bytes(32))

    def keys(self):
        return [
            KeyFacts(handle, key_type, _info(key), sensitive=True, extractable=False, sign_only=True)
            for handle, (key_type, key) in self._keys.items()
        ]

    def key(self, handle):
        return next((facts for facts in self.keys() if facts.handle == handle), None)

    def sign(self, handle, mechanism, digest):
        if len(digest) != mechanism.hash_algorithm.digest_length:
            raise ValueError("a digest of another length than its algorithm's")
        if handle not in self._keys:
            raise DeviceFaultError("a key is not in the device")
        key_type, key = self._keys[handle]
        if key_type.is_rsa is (mechanism.scheme is SignatureScheme.ECDSA):
            raise ValueError("a scheme of another key type")
        algorithm = _HASHES[mechanism.hash_algorithm]
        if mechanism.scheme is SignatureScheme.ECDSA:
            return key.sign(digest, ec.ECDSA(Prehashed(algorithm)))
        if mechanism.scheme is SignatureScheme.RSA_PKCS1_V1_5:
            return key.sign(digest, padding.PKCS1v15(), Prehashed(algorithm))
        if not 0 <= mechanism.salt_length <= longest_salt(key_type, mechanism.hash_algorithm):
            raise ValueError("a salt that does not fit the key")
        scheme = padding.PSS(padding.MGF1(algorithm), mechanism.salt_length)
        return key.sign(digest, scheme, Prehashed(algorithm))

    def generate_key(self, key_type):
        handle = KeyHandle(secrets.token_bytes(16))
        if key_type.is_rsa:
            key = rsa.generate_private_key(65537, key_type.bits)
        else:
            key = ec.generate_private_key(_CURVES[key_type])
        self._keys[handle] = (key_type, key)
        return next(facts for facts in self.keys() if facts.handle == handle)

    def destroy_key(self, handle):
        self._keys.pop(handle, None)

    def sign_sad(self, digest):
        if len(digest) != 32:
            raise ValueError("not a SHA-256 digest")
        r, s = decode_dss_signature(self._sad_key.sign(digest, ec.ECDSA(Prehashed(hashes.SHA256()))))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def sad_public_key(self):
        return _info(self._sad_key)

    def authenticate(self, data):
        return hmac.new(self._mac_key, data, hashlib.sha256).digest()

    def seal(self, plaintext, context):
        nonce = secrets.token_bytes(12)
        return nonce + self._sealing.encrypt(nonce, plaintext, context)

    def open_sealed(self, sealed, context):
        try:
            return self._sealing.decrypt(sealed[:12], sealed[12:], context)
        except InvalidTag as error:
            raise ValueError("a sealed value was changed") from error

    def close(self):
        self._keys.clear()
