"""Secrets that commands make: digits for PINs, and seeds of one-time codes."""

import base64
import secrets

SEED_BYTES = 20
"""RFC 4226, 4, R6: 160 bits are recommended."""


def random_digits(number: int) -> str:
    """Return a PIN of so many digits."""
    return "".join(secrets.choice("0123456789") for _ in range(number))


def new_seed() -> str:
    """Return a fresh seed of one-time codes in base32 (RFC 4648, 6), as authenticator applications take it."""
    return base64.b32encode(secrets.token_bytes(SEED_BYTES)).decode("ascii")
