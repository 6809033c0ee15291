"""The PIN of a credential: argon2id over an HMAC that only the device can compute (AU-05).

Guessing offline needs the device as well as the database. The HMAC covers the credential's id, so a
verifier copied to another credential by SQL proves nothing there.
"""

import hmac
import secrets
import unicodedata
from dataclasses import dataclass

from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from csc_server.errors import CscServerError
from csc_server.signer.device.port import KeyDevice
from csc_server.storage.ports.signer import FactorRow
from csc_server.values import CredentialId, FactorKind

MIN_LENGTH = 4
MAX_LENGTH = 64
SALT_LENGTH = 16
VERIFIER_LENGTH = 32


@dataclass(frozen=True)
class PinCost:
    """What one comparison of a PIN costs: KiB of memory and passes over them (RFC 9106, 3.1)."""

    memory_kib: int
    iterations: int


PIN_COST = PinCost(memory_kib=65_536, iterations=3)
"""The floor that AU-05 sets (RFC 9106, 4 gives the same order). No setting changes it and no composition root
passes another: only tests of other rules do, whose PINs guard nothing."""


class UnusablePinError(CscServerError):
    """A PIN that may not be chosen: too short, too long or holding control characters."""


def normalise(pin: str) -> bytes | None:
    """Return the PIN in NFKC as UTF-8, or None when it cannot be anybody's PIN (NIST SP 800-63B, 5.1.1.2)."""
    text = unicodedata.normalize("NFKC", pin[: MAX_LENGTH + 1])
    if not MIN_LENGTH <= len(text) <= MAX_LENGTH or not text.isprintable():
        return None
    try:
        return text.encode()
    except UnicodeEncodeError:
        return None


def new_pin_factor(device: KeyDevice, credential_id: CredentialId, pin: str, cost: PinCost = PIN_COST) -> FactorRow:
    """Return the factor row for a PIN its signer chose, else raise UnusablePinError."""
    normalised = normalise(pin)
    if normalised is None:
        raise UnusablePinError(f"a PIN has {MIN_LENGTH} to {MAX_LENGTH} printable characters")
    salt = secrets.token_bytes(SALT_LENGTH)
    verifier = _verifier(_keyed(device, credential_id, normalised), salt, cost)
    return FactorRow(credential_id, FactorKind.PIN, verifier, salt)


@dataclass(frozen=True)
class KeyedPin:
    """A PIN somebody brought, after the device's part of its verification; `value` is None for nobody's PIN."""

    value: bytes | None

    def __repr__(self) -> str:
        return "KeyedPin(...)"


def key_pin(device: KeyDevice, credential_id: CredentialId, pin: str) -> KeyedPin:
    """Do the device's part. It comes before the try is counted: a device that fails costs no signer a try."""
    normalised = normalise(pin)
    keyed = _keyed(device, credential_id, normalised or b"")
    return KeyedPin(keyed if normalised is not None else None)


def is_right_pin(keyed: KeyedPin, factor: FactorRow, cost: PinCost = PIN_COST) -> bool:
    """Compare a PIN with its factor; a try must have been counted before (AU-06)."""
    computed = _verifier(keyed.value or bytes(VERIFIER_LENGTH), factor.salt, cost)
    return hmac.compare_digest(computed, factor.verifier) and keyed.value is not None


def _keyed(device: KeyDevice, credential_id: CredentialId, pin: bytes) -> bytes:
    return device.authenticate(b"csc-server/pin/1\0" + credential_id.encode() + b"\0" + pin)


def _verifier(keyed: bytes, salt: bytes, cost: PinCost) -> bytes:
    derivation = Argon2id(
        salt=salt, length=VERIFIER_LENGTH, iterations=cost.iterations, lanes=1, memory_cost=cost.memory_kib
    )
    return derivation.derive(keyed)
