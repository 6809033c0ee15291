"""Opaque secrets: codes, tokens, session ids. 256 bits from the OS, SHA-256 at rest (OA-15)."""

import hashlib
import re
import secrets

SECRET_BYTES = 32
"""256 bits: guessing stays hopeless without any rate limit (OA-15; RFC 6749, 10.10)."""

_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")


def new_secret() -> str:
    """Return a fresh value of 256 bits as unpadded base64url, 43 characters."""
    return secrets.token_urlsafe(SECRET_BYTES)


def secret_hash(value: str) -> bytes:
    """Return SHA-256 of a secret: the only form that is stored. Any text is taken, so any input may be looked up."""
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).digest()


def is_secret(value: str) -> bool:
    """Tell whether a text has the form that `new_secret` gives."""
    return _SECRET.fullmatch(value) is not None
