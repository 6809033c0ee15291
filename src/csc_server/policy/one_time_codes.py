"""Which time step a one-time code belongs to (RFC 6238): the same rule for accounts and for credentials (AU-04)."""

import base64
import hmac
import re

import pyotp

STEP_SECONDS = 30
"""RFC 6238, 4.1: the default time step, which every authenticator application uses."""
WINDOW = 1
"""Steps accepted on either side (RFC 6238, 5.2 and 6)."""
_CODE = re.compile("[0-9]{6}")


def accepted_step(seed: bytes, code: str, now: int, last_step: int) -> int | None:
    """Return the time step whose code this is, newer than the last accepted, or None.

    The caller stores the step in the transaction that uses it: only that makes the code single-use.

    Args:
        seed: raw bytes of the shared secret.
        code: what the signer typed.
        now: seconds since the epoch.
        last_step: the last accepted step.
    """
    if not _CODE.fullmatch(code):
        return None
    generator = pyotp.HOTP(base64.b32encode(seed).decode("ascii"))
    current = now // STEP_SECONDS
    right = None
    for step in range(current - WINDOW, current + WINDOW + 1):
        matches = hmac.compare_digest(generator.at(step).encode(), code.encode())
        if matches and step > last_step:
            right = step
    return right
