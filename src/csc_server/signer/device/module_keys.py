"""The device-held keys of the signature activation module itself, and the labels of all keys.

None can leave the device: the SAD key signs (ES256), the MAC key binds links and PINs (AU-05, AU-15), the
sealing key encrypts one-time code seeds (AU-04).
"""

import hmac
import secrets
from typing import Any

from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass, Session
from pkcs11.util.ec import encode_named_curve_parameters

SIGNER_LABEL = "csc-signer-key"
SAD_LABEL = "csc-sad"
MAC_LABEL = "csc-mac"
SEAL_LABEL = "csc-seal"

BLOCK = 16
MAC_LENGTH = 32
_SEAL_CONTEXT = b"csc-server/seal/1\0"


def create(session: Session) -> None:
    """Create the module's keys where they do not exist yet."""
    if not _exists(session, SAD_LABEL, ObjectClass.PRIVATE_KEY):
        parameters = session.create_domain_parameters(
            KeyType.EC, {Attribute.EC_PARAMS: encode_named_curve_parameters("secp256r1")}, local=True
        )
        parameters.generate_keypair(
            store=True, label=SAD_LABEL, private_template=private_template(), capabilities=_SIGN_VERIFY
        )
    if not _exists(session, MAC_LABEL, ObjectClass.SECRET_KEY):
        session.generate_key(
            KeyType.GENERIC_SECRET, 256, label=MAC_LABEL, store=True, capabilities=_SIGN_VERIFY, template=_secret()
        )
    if not _exists(session, SEAL_LABEL, ObjectClass.SECRET_KEY):
        capabilities = MechanismFlag.ENCRYPT | MechanismFlag.DECRYPT
        session.generate_key(
            KeyType.AES, 256, label=SEAL_LABEL, store=True, capabilities=capabilities, template=_secret()
        )


def private_template() -> dict[Attribute, Any]:
    """Return the attributes of every private key: it signs, it never leaves, nobody reads it (AR-07)."""
    return {
        Attribute.SENSITIVE: True,
        Attribute.EXTRACTABLE: False,
        Attribute.SIGN: True,
        Attribute.DECRYPT: False,
        Attribute.UNWRAP: False,
        Attribute.DERIVE: False,
    }


class Seal:
    """Encrypt-then-MAC with two device-held keys: AES-256-CBC (SP 800-38A), HMAC-SHA-256 over all of it.

    Form: 16 bytes of initialisation vector, ciphertext, 32 bytes of MAC over context, vector and ciphertext.
    """

    def __init__(self, sealing_key: Any, mac_key: Any) -> None:  # noqa: ANN401 python-pkcs11 makes a class a key
        self._sealing_key = sealing_key
        self._mac_key = mac_key

    def seal(self, plaintext: bytes, context: bytes) -> bytes:
        """Return the sealed form of a plaintext, bound to its context."""
        vector = secrets.token_bytes(BLOCK)
        encrypted = self._sealing_key.encrypt(plaintext, mechanism=Mechanism.AES_CBC_PAD, mechanism_param=vector)
        return vector + bytes(encrypted) + self._mac(vector + bytes(encrypted), context)

    def open(self, sealed: bytes, context: bytes) -> bytes:
        """Return the plaintext, or raise ValueError when sealed or context was changed."""
        body, mac = sealed[:-MAC_LENGTH], sealed[-MAC_LENGTH:]
        if len(body) < 2 * BLOCK or not hmac.compare_digest(self._mac(body, context), mac):
            raise ValueError("a sealed value was changed")
        vector, encrypted = body[:BLOCK], body[BLOCK:]
        decrypted = self._sealing_key.decrypt(encrypted, mechanism=Mechanism.AES_CBC_PAD, mechanism_param=vector)
        return bytes(decrypted)

    def _mac(self, body: bytes, context: bytes) -> bytes:
        data = _SEAL_CONTEXT + len(context).to_bytes(4, "big") + context + body
        return bytes(self._mac_key.sign(data, mechanism=Mechanism.SHA256_HMAC))


_SIGN_VERIFY = MechanismFlag.SIGN | MechanismFlag.VERIFY


def _secret() -> dict[Attribute, Any]:
    return {Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False}


def _exists(session: Session, label: str, object_class: ObjectClass) -> bool:
    return bool(list(session.get_objects({Attribute.LABEL: label, Attribute.CLASS: object_class})))
