"""The port behind operationMode "A": signature requests that web has accepted, and what became of them."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from csc_server.values import ClientId, SignerId


class JobState(StrEnum):
    """An accepted request ends once, as done or as failed."""

    ACCEPTED = "accepted"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True)
class SignatureJobRow:
    """An accepted signature request; `job_hash` is SHA-256 of its responseID, which only the client knows.

    The SAD is never stored. From `fails_at` on, a request that is still accepted counts as failed: its process
    is gone. `result` is sealed under a key that only the responseID gives; `error` and `error_description` are
    those of the answer to a failed request. `validity` is the number of seconds a result is kept.
    """

    job_hash: bytes
    client_id: ClientId | None
    signer_id: SignerId | None
    state: JobState
    fails_at: int
    expires_at: int
    validity: int
    result: bytes = b""
    error: str = ""
    error_description: str = ""


class SignatureJobStore(Protocol):
    """What signHash in mode "A" and signPolling need of web's store."""

    def insert_signature_job(self, row: SignatureJobRow, now: int) -> None:
        """Store a request, and remove some whose time is over."""

    def signature_job(self, job_hash: bytes) -> SignatureJobRow | None: ...

    def end_signature_job(self, row: SignatureJobRow, now: int) -> bool:
        """Write how a request ended; False when it had ended before, or counts as failed by now."""
