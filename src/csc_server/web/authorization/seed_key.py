"""The key under which the seeds of login codes stand in web's store: a dump of it gives no codes (OA-15).

The keys of account tokens stand under it too (decision 18). Login codes open scope service only; seeds that approve
signatures are sealed by the signer's device (AU-04).
"""

import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from csc_server.errors import ConfigurationError, MalformedInputError
from csc_server.wire import decode_base64url, encode_base64url

KEY_BYTES = 32
NONCE_BYTES = 12
"""NIST SP 800-38D, 8.2.2: 96 random bits; one for each account, so never near the bound of 2**32."""

_CONTEXT = b"csc-server/login-seed/1\0"


class SeedKey:
    """Seals and opens seeds with AES-256-GCM; a sealed seed opens for its own account only."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    @classmethod
    def of_file(cls, path: Path | None) -> "SeedKey | None":
        """Return the key of a file, None without a file.

        Raises:
            ConfigurationError: the file holds no key.
        """
        if path is None:
            return None
        try:
            key = decode_base64url(path.read_text(encoding="ascii").strip())
        except (OSError, UnicodeDecodeError, MalformedInputError):
            key = b""
        if len(key) != KEY_BYTES:
            raise ConfigurationError([f"web.key_file: {path} holds no key."], advice="`csc-server setup` makes one.")
        return cls(key)

    def __repr__(self) -> str:
        return "SeedKey(...)"

    def seal(self, username: str, seed: bytes) -> bytes:
        """Return what the store keeps of an account's seed."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, seed, _context(username))

    def open(self, username: str, sealed: bytes) -> bytes | None:
        """Return an account's seed; None for one that was sealed for another account, or under another key."""
        try:
            return self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], _context(username))
        except (InvalidTag, ValueError):
            return None


def make_key_file(path: Path) -> bool:
    """Make a file with a new key, mode 0600; return False and leave it alone when there is one."""
    try:
        file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return False
    with os.fdopen(file, "w", encoding="ascii") as writer:
        writer.write(encode_base64url(secrets.token_bytes(KEY_BYTES)) + "\n")
    return True


def _context(username: str) -> bytes:
    return _CONTEXT + username.encode("utf-8", "surrogatepass")
