"""Passwords of login accounts: argon2id as PHC strings (AU-05, AU-12; RFC 9106, 4).

They open scope service only. The secrets that approve a signature are the signer process's business.
"""

import base64
import secrets
import unicodedata
from threading import BoundedSemaphore
from typing import Self

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from csc_server.errors import UnavailableError

MEMORY = 65_536
"""KiB: 64 MiB, the least AU-05 allows and RFC 9106's second recommendation."""

ITERATIONS = 3
LANES = 1
SALT_BYTES = 16
VERIFIER_BYTES = 32

MAX_PASSWORD = 128
"""Characters: NIST SP 800-63B, 5.1.1.2 asks to take at least 64."""

PARALLEL = 2
"""Hashes at once in one process: each takes 64 MiB and a core for about 150 ms."""

WAITING = 4
"""Logins that may wait for their turn: with those under way they leave threads of a process to everybody else."""

PATIENCE = 5.0
"""Seconds a login waits for its turn before it is told to come back."""


def hash_password(password: str) -> str:
    """Return the argon2id PHC string of a password.

    Raises:
        ValueError: the password is empty or longer than MAX_PASSWORD characters.
    """
    if not 0 < len(password) <= MAX_PASSWORD:
        raise ValueError(f"a password has 1 to {MAX_PASSWORD} characters")
    derivation = Argon2id(
        salt=secrets.token_bytes(SALT_BYTES),
        length=VERIFIER_BYTES,
        iterations=ITERATIONS,
        lanes=LANES,
        memory_cost=MEMORY,
    )
    return derivation.derive_phc_encoded(_normal(password))


def _normal(password: str) -> bytes:
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")


class PasswordCheck:
    """Compares passwords, at most PARALLEL at once; the same work for every answer."""

    def __init__(self, parallel: int = PARALLEL, patience: float = PATIENCE, waiting: int = WAITING) -> None:
        self._places = BoundedSemaphore(parallel + waiting)
        self._turns = BoundedSemaphore(parallel)
        self._patience = patience
        self._nobody = _unmatched_verifier()

    def __enter__(self) -> Self:
        """Wait for a turn, so that a login counts its failure only when it will be compared.

        Raises:
            UnavailableError: too many logins at once.
        """
        if not self._places.acquire(blocking=False):
            raise UnavailableError("login")
        if not self._turns.acquire(timeout=self._patience):
            self._places.release()
            raise UnavailableError("login")
        return self

    def __exit__(self, *_: object) -> None:
        self._turns.release()
        self._places.release()

    def matches(self, password: str, verifier: str | None) -> bool:
        """Compare a password with a PHC string, or with nobody's when there is none (AU-12)."""
        try:
            Argon2id.verify_phc_encoded(_normal(password[: MAX_PASSWORD + 1]), verifier or self._nobody)
        except InvalidKey:
            return False
        return verifier is not None and 0 < len(password) <= MAX_PASSWORD


def _unmatched_verifier() -> str:
    """Return a PHC string of random bytes: it costs what a real one costs and no password is known to match it."""
    salt, tag = (
        base64.b64encode(secrets.token_bytes(length)).decode("ascii").rstrip("=")
        for length in (SALT_BYTES, VERIFIER_BYTES)
    )
    return f"$argon2id$v=19$m={MEMORY},t={ITERATIONS},p={LANES}${salt}${tag}"


SHARED_CHECK = PasswordCheck()
"""The one of this process: its memory and cores are what PARALLEL bounds."""
