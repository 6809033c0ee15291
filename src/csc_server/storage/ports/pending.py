"""Ports of the signer's store: approvals that wait for their signer on a page, and how they ended."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from csc_server.values import ApprovalId, ClientId, SignerId


class Ending(StrEnum):
    """Why a pending approval is void: none yet, the signer refused, wrong evidence, evidence that locked a factor."""

    NONE = ""
    REFUSED = "refused"
    EVIDENCE = "evidence"
    LOCKED = "locked"


@dataclass(frozen=True)
class PendingRow:
    """What a pending approval has beside its approval.

    `request_hash` is equal for requests that ask for the same, `tries` counts answers with wrong evidence.
    """

    approval_id: ApprovalId
    client_id: ClientId
    signer_id: SignerId
    request_hash: bytes
    description: str
    created_at: int
    expires_at: int
    tries: int = 0
    ending: Ending = Ending.NONE


class PendingTransaction(Protocol):
    """What one transaction may do with pending approvals."""

    def insert_pending(self, row: PendingRow) -> None: ...

    def pending(self, approval_id: ApprovalId) -> PendingRow | None: ...

    def pending_of(self, signer_id: SignerId, now: int) -> list[PendingRow]:
        """Return those that wait for their signer now, oldest first."""

    def pending_like(self, request_hash: bytes, now: int) -> PendingRow | None:
        """Return the newest for the same request that still waits or was approved and not yet collected."""

    def count_wrong_answer(self, approval_id: ApprovalId) -> int:
        """Count an answer with wrong evidence; return how many there were."""

    def end_pending(self, approval_id: ApprovalId, ending: Ending) -> None:
        """Write why it ended; what ended once keeps its reason."""
