"""Time-based one-time codes of login accounts (RFC 6238; security.md AU-04)."""

import base64
import hmac

import pyotp

STEP_SECONDS = 30
WINDOW = 1
"""Steps before and after now that are taken (AU-04)."""


def matching_step(seed: bytes, code: str, now: int, last_step: int) -> int:
    """Return the time step whose code was given, or 0 when none fits or it is not newer than the last accepted.

    Args:
        seed: raw bytes of the shared secret.
        code: what the signer typed.
        now: seconds since the epoch.
        last_step: the last accepted step.
    """
    generator = pyotp.HOTP(base64.b32encode(seed).decode("ascii"))
    current, found = now // STEP_SECONDS, 0
    for step in range(current - WINDOW, current + WINDOW + 1):
        fits = hmac.compare_digest(generator.at(step).encode(), code.encode("utf-8", "surrogatepass"))
        if fits and step > last_step:
            found = step
    return found
