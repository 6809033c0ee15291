"""The one-time code of a credential: TOTP (RFC 6238), each step accepted once (security.md AU-04)."""

import base64
import hmac
import re

import pyotp

from csc_server.errors import CscServerError, RefusedError
from csc_server.signer.device.port import KeyDevice
from csc_server.storage.ports.signer import FactorRow
from csc_server.values import CredentialId, FactorKind, Refusal

STEP_SECONDS = 30
"""RFC 6238, 4.1: the default time step, which every authenticator application uses."""
WINDOW = 1
"""Steps accepted on either side (RFC 6238, 5.2 and 6)."""
MIN_SEED = 20
"""Bytes: RFC 4226, 4 R6 recommends 160 bits."""
_CODE = re.compile("[0-9]{6}")


class UnusableSeedError(CscServerError):
    """A TOTP seed shorter than RFC 4226 recommends."""


def new_otp_factor(device: KeyDevice, credential_id: CredentialId, seed: bytes) -> FactorRow:
    """Return the factor row for a TOTP seed, sealed under a device-held key."""
    if len(seed) < MIN_SEED:
        raise UnusableSeedError(f"a TOTP seed has at least {MIN_SEED} bytes")
    return FactorRow(credential_id, FactorKind.OTP, device.seal(seed, _context(credential_id)), b"")


def open_seed(device: KeyDevice, factor: FactorRow) -> bytes:
    """Return the seed of a factor; the device's part, done before the try is counted.

    Raises RefusedError when the seed was changed in the store (AU-15).
    """
    try:
        return device.open_sealed(factor.verifier, _context(factor.credential_id))
    except ValueError as error:
        raise RefusedError(Refusal.CREDENTIAL_DISABLED, "its one-time code seed was changed") from error


def accepted_step(seed: bytes, last_step: int, code: str, now: int) -> int | None:
    """Return the time step whose code this is, newer than `last_step`, or None.

    The caller stores the step in the transaction that uses it: only that makes the code single-use.
    """
    if not _CODE.fullmatch(code):
        return None
    generator = pyotp.TOTP(base64.b32encode(seed).decode("ascii"), interval=STEP_SECONDS)
    current = now // STEP_SECONDS
    right = None
    for step in range(current - WINDOW, current + WINDOW + 1):
        matches = hmac.compare_digest(generator.generate_otp(step).encode(), code.encode())
        if matches and step > last_step:
            right = step
    return right


def _context(credential_id: CredentialId) -> bytes:
    return b"csc-server/totp/1\0" + credential_id.encode()
