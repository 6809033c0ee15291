"""The seed of a credential's one-time codes, sealed under a key of the device (AU-04); the codes are `policy`'s."""

from csc_server.errors import CscServerError, RefusedError
from csc_server.signer.device.port import KeyDevice
from csc_server.storage.ports.signer import FactorRow
from csc_server.values import CredentialId, FactorKind, Refusal

MIN_SEED = 20
"""Bytes: RFC 4226, 4 R6 recommends 160 bits."""


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


def _context(credential_id: CredentialId) -> bytes:
    return b"csc-server/totp/1\0" + credential_id.encode()
