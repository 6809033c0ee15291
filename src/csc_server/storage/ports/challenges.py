"""Ports of the signer's store: codes that were sent and challenges that were given, each good for one answer."""

from dataclasses import dataclass
from typing import Protocol

from csc_server.values import ClientId, CredentialId, FactorKind


@dataclass(frozen=True)
class ChallengeRow:
    """A one-time code under way, or a challenge.

    `verifier` is the device's HMAC of a code, empty for a challenge, whose SHA-256 is its `challenge_id`.
    Only the client that asked for it may bring the answer. `used_at` is 0 until it was answered or replaced.
    """

    challenge_id: str
    credential_id: CredentialId
    kind: FactorKind
    client_id: ClientId
    verifier: bytes
    created_at: int
    expires_at: int
    used_at: int = 0


class ChallengeTransaction(Protocol):
    """What one transaction may do with challenges."""

    def insert_challenge(self, row: ChallengeRow) -> None: ...

    def challenge(self, challenge_id: str) -> ChallengeRow | None: ...

    def open_challenge(self, credential_id: CredentialId, kind: FactorKind, now: int) -> ChallengeRow | None:
        """Return the newest one of a kind that is neither used nor expired."""

    def challenges_since(self, credential_id: CredentialId, kind: FactorKind, since: int) -> int:
        """Return how many of a kind were given from `since` on, used or not."""

    def replace_challenges(self, credential_id: CredentialId, kind: FactorKind, now: int) -> None:
        """Use up all of a kind, so that only the next one counts."""

    def use_challenge(self, challenge_id: str, now: int) -> None:
        """Use it up by one conditional UPDATE; ConflictError when it was used, replaced or has expired."""
