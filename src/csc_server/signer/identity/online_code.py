"""One-time codes that the service sends: an address sealed under the device, codes kept as the device's HMAC.

A code is eight digits: whoever reads the store without the device can't even guess one offline (AU-05), and
whoever guesses online is stopped by the factor's lock (AU-06).
"""

import hashlib
import hmac
import secrets

from csc_server.errors import CscServerError, RefusedError
from csc_server.signer.device.port import KeyDevice
from csc_server.storage.ports.challenges import ChallengeRow
from csc_server.storage.ports.signer import FactorRow
from csc_server.values import ClientId, CredentialId, FactorKind, Refusal

DIGITS = 8
LIFETIME = 300
"""Seconds: long enough for a mail to arrive."""
MAX_ADDRESS = 320
"""Characters: the longest address of mail (RFC 5321, 4.5.3.1)."""


class UnusableAddressError(CscServerError):
    """An address that nothing can be sent to."""


def new_online_factor(device: KeyDevice, credential_id: CredentialId, address: str) -> FactorRow:
    """Return the factor row for codes sent to an address, else raise UnusableAddressError."""
    if not 1 <= len(address) <= MAX_ADDRESS or not address.isascii() or not address.isprintable() or " " in address:
        raise UnusableAddressError(f"an address has 1 to {MAX_ADDRESS} visible ASCII characters")
    return FactorRow(credential_id, FactorKind.ONLINE_OTP, device.seal(address.encode(), _context(credential_id)), b"")


def open_address(device: KeyDevice, factor: FactorRow) -> str:
    """Return the address of a factor; RefusedError when it was changed in the store (AU-15)."""
    try:
        return device.open_sealed(factor.verifier, _context(factor.credential_id)).decode()
    except ValueError as error:
        raise RefusedError(Refusal.CREDENTIAL_DISABLED, "its address was changed") from error


def new_code(device: KeyDevice, factor: FactorRow, client_id: ClientId, now: int) -> tuple[str, ChallengeRow]:
    """Return a fresh code and the row that knows it; only this client may bring it."""
    code = f"{secrets.randbelow(10**DIGITS):0{DIGITS}}"
    name = secrets.token_urlsafe(24)
    verifier = key_code(device, factor, name, code)
    row = ChallengeRow(name, factor.credential_id, FactorKind.ONLINE_OTP, client_id, verifier, now, now + LIFETIME)
    return code, row


def key_code(device: KeyDevice, factor: FactorRow, name: str, code: str) -> bytes:
    """Do the device's part of a comparison.

    `name` is the row's, so that no code proves anything for another; with the address that a code went to, it dies.
    """
    address = hashlib.sha256(factor.verifier).hexdigest()
    fields = (factor.credential_id, address, name, code)
    return device.authenticate(
        b"csc-server/code/1\0" + b"\0".join(field.encode("utf-8", "surrogatepass") for field in fields)
    )


def is_right_code(keyed: bytes, row: ChallengeRow) -> bool:
    """Compare in constant time (IN-11)."""
    return hmac.compare_digest(keyed, row.verifier)


def _context(credential_id: CredentialId) -> bytes:
    return b"csc-server/address/1\0" + credential_id.encode()
