"""The KeyDevice port: all that the signer asks of a signature creation device [SCDev].

A device is single-threaded and belongs to the process that opened it. Every failure of the device, a lost
handle included, is a `DeviceFaultError`: after one the caller discards the device (RL-04).
"""

from dataclasses import dataclass
from typing import Protocol

from csc_server.errors import UnavailableError
from csc_server.policy.algorithms import SignatureMechanism
from csc_server.values import KeyHandle, KeyType


class DeviceFaultError(UnavailableError):
    """The device failed, lost a key or is away; never 'no such credential'."""

    def __init__(self, message: str = "") -> None:
        super().__init__("device", message)


@dataclass(frozen=True)
class KeyFacts:
    """What the device says of a private key; `public_key` is SubjectPublicKeyInfo, DER (RFC 5280, 4.1.2.7)."""

    handle: KeyHandle
    key_type: KeyType
    public_key: bytes
    sensitive: bool
    extractable: bool
    sign_only: bool

    @property
    def is_fit(self) -> bool:
        """Whether the key may be used at all: private, sensitive, not extractable, sign-only (AR-07)."""
        return self.sensitive and not self.extractable and self.sign_only


class KeyDevice(Protocol):
    """Signers' keys, and the device-held keys of the signature activation module itself.

    Every method raises DeviceFaultError when the device fails.
    """

    def keys(self) -> list[KeyFacts]:
        """Return the facts of every signer's key; called at start, never on the request path."""

    def key(self, handle: KeyHandle) -> KeyFacts | None:
        """Return the facts of one signer's key, None when the device does not hold it.

        A key made since the start, by another process, is looked for once: never for each signature.
        """

    def sign(self, handle: KeyHandle, mechanism: SignatureMechanism, digest: bytes) -> bytes:
        """Sign one digest with a signer's key, in exactly one C_Sign.

        Returns the PKCS#1 block for RSA, DER `Ecdsa-Sig-Value` (RFC 3279, 2.2.3) for ECDSA. DigestInfo is
        built here (RFC 8017, 9.2); a digest of another length than the mechanism's raises ValueError.
        """

    def generate_key(self, key_type: KeyType) -> KeyFacts:
        """Make a signer's key pair in the device: sensitive, not extractable, sign-only."""

    def destroy_key(self, handle: KeyHandle) -> None:
        """Destroy a signer's key; a key that is not there is no error."""

    def sign_sad(self, digest: bytes) -> bytes:
        """Sign a SHA-256 digest with the SAD key (ES256): r || s, 64 bytes (RFC 7518, 3.4)."""

    def sad_public_key(self) -> bytes:
        """Return the SAD key's SubjectPublicKeyInfo, DER."""

    def authenticate(self, data: bytes) -> bytes:
        """Return HMAC-SHA-256 of data under a key that never leaves the device (AU-05, AU-15)."""

    def seal(self, plaintext: bytes, context: bytes) -> bytes:
        """Encrypt a short secret under a device-held AES key, authenticated and bound to context (AU-04)."""

    def open_sealed(self, sealed: bytes, context: bytes) -> bytes:
        """Return the plaintext of `seal`; ValueError when sealed or context was changed."""

    def close(self) -> None:
        """Let go of the device; the object is unusable afterwards."""
