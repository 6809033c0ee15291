"""The device-held keys of the signature activation module itself.

None can leave the device: the SAD key signs (ES256), the MAC key binds links and PINs (AU-05, AU-15), the
sealing key encrypts one-time code seeds (AU-04).
"""

import hmac
import secrets
from dataclasses import dataclass
from typing import Any

from pkcs11 import Attribute, Mechanism, MechanismFlag, ObjectClass, Session
from pkcs11 import KeyType as ObjectKeyType

from csc_server.signer.device.port import DeviceFaultError
from csc_server.signer.device.signer_keys import (
    SIGN_AND_VERIFY,
    generate_pair,
    public_key_info,
    read_attributes,
    secrecy,
)
from csc_server.values import KeyType

SAD_LABEL = "csc-sad"
MAC_LABEL = "csc-mac"
SEAL_LABEL = "csc-seal"

BLOCK = 16
MAC_LENGTH = 32
SEAL_DOMAIN = b"csc-server/seal/"
"""What the MAC key computes for a seal begins so, and nothing else that it computes does."""
_SEAL_VERSION = SEAL_DOMAIN + b"1\0"
_SECRET_TEMPLATE = {Attribute.PRIVATE: True, Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False}


def create(session: Session) -> None:
    """Create the module's keys where they do not exist yet."""
    if not _find(session, SAD_LABEL, ObjectClass.PRIVATE_KEY):
        generate_pair(session, KeyType.P_256, SAD_LABEL)
    if not _find(session, MAC_LABEL, ObjectClass.SECRET_KEY):
        _generate_secret(session, MAC_LABEL, ObjectKeyType.GENERIC_SECRET, SIGN_AND_VERIFY)
    if not _find(session, SEAL_LABEL, ObjectClass.SECRET_KEY):
        _generate_secret(session, SEAL_LABEL, ObjectKeyType.AES, MechanismFlag.ENCRYPT | MechanismFlag.DECRYPT)


class Seal:
    """Encrypt-then-MAC with two device-held keys: AES-256-CBC (SP 800-38A), HMAC-SHA-256 over all of it.

    Form: 16 bytes of initialisation vector, ciphertext, 32 bytes of MAC over context, vector and ciphertext.
    Not AES-GCM: SoftHSM answers a wrong tag with the error of a broken device, and the two must differ.
    """

    def __init__(self, sealing_key: Any, mac_key: Any) -> None:  # noqa: ANN401 python-pkcs11 makes a class for each key
        self._sealing_key = sealing_key
        self._mac_key = mac_key

    def seal(self, plaintext: bytes, context: bytes) -> bytes:
        """Return the sealed form of a plaintext, bound to its context."""
        vector = secrets.token_bytes(BLOCK)
        encrypted = self._sealing_key.encrypt(plaintext, mechanism=Mechanism.AES_CBC_PAD, mechanism_param=vector)
        body = vector + bytes(encrypted)
        return body + self._mac(body, context)

    def open(self, sealed: bytes, context: bytes) -> bytes:
        """Return the plaintext, or raise ValueError when sealed or context was changed."""
        body, mac = sealed[:-MAC_LENGTH], sealed[-MAC_LENGTH:]
        if len(body) < 2 * BLOCK or not hmac.compare_digest(self._mac(body, context), mac):
            raise ValueError("a sealed value was changed")
        vector, encrypted = body[:BLOCK], body[BLOCK:]
        decrypted = self._sealing_key.decrypt(encrypted, mechanism=Mechanism.AES_CBC_PAD, mechanism_param=vector)
        return bytes(decrypted)

    def _mac(self, body: bytes, context: bytes) -> bytes:
        data = _SEAL_VERSION + len(context).to_bytes(4, "big") + context + body
        return bytes(self._mac_key.sign(data, mechanism=Mechanism.SHA256_HMAC))


@dataclass(frozen=True)
class ModuleKeys:
    """The module's keys of one session."""

    sad_key: Any
    sad_public_key: bytes
    mac_key: Any
    seal: Seal


def find_module_keys(session: Session) -> ModuleKeys:
    """Return the module's keys; DeviceFaultError when one is missing, stands twice or could leave the device."""
    sad_key = _only(session, SAD_LABEL, ObjectClass.PRIVATE_KEY)
    judged = secrecy(read_attributes(sad_key))
    if judged["extractable"] or not (judged["sensitive"] and judged["sign_only"]):
        raise DeviceFaultError(f"the key {SAD_LABEL!r} is not sensitive, not extractable and sign-only")
    try:
        key_type, info = public_key_info(read_attributes(_only(session, SAD_LABEL, ObjectClass.PUBLIC_KEY)))
    except (KeyError, ValueError) as error:
        raise DeviceFaultError(f"the key {SAD_LABEL!r} cannot be read") from error
    if key_type is not KeyType.P_256:
        raise DeviceFaultError(f"the key {SAD_LABEL!r} is not on P-256")
    mac_key = _only_secret(session, MAC_LABEL)
    return ModuleKeys(sad_key, info, mac_key, Seal(_only_secret(session, SEAL_LABEL), mac_key))


def _generate_secret(session: Session, label: str, key_type: ObjectKeyType, capabilities: MechanismFlag) -> None:
    session.generate_key(key_type, 256, label=label, store=True, capabilities=capabilities, template=_SECRET_TEMPLATE)


def _find(session: Session, label: str, object_class: ObjectClass) -> list[Any]:
    return list(session.get_objects({Attribute.LABEL: label, Attribute.CLASS: object_class}))


def _only(session: Session, label: str, object_class: ObjectClass) -> Any:  # noqa: ANN401 as above
    found = _find(session, label, object_class)
    if len(found) != 1:
        raise DeviceFaultError(f"the token has {len(found)} keys {label!r} where it must have one")
    return found[0]


def _only_secret(session: Session, label: str) -> Any:  # noqa: ANN401 as above
    key = _only(session, label, ObjectClass.SECRET_KEY)
    said = key.get_attributes(tuple(_SECRET_TEMPLATE))
    if any(said.get(name) is not value for name, value in _SECRET_TEMPLATE.items()):
        raise DeviceFaultError(f"the key {label!r} is not private, sensitive and not extractable")
    return key
