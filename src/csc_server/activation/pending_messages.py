"""Messages about codes, challenges and approvals that a signer gives on a page while the client waits.

Minted answers CollectApproval once the signer approved; until then Pending does.
"""

from dataclasses import dataclass

from csc_server.activation.parts import Caller, Evidence, Octets, Transaction
from csc_server.values import ApprovalId, ClientId, CredentialId


@dataclass(frozen=True)
class SendCode:
    """Have a one-time code sent to the signer (credentials/sendOTP). Answer: Done."""

    caller: Caller
    credential_id: CredentialId


@dataclass(frozen=True)
class GetChallenge:
    """Ask for the challenge of an authentication object. Answer: Challenge, or Done when it was sent to the signer."""

    caller: Caller
    credential_id: CredentialId
    object_id: str


@dataclass(frozen=True)
class RequestApproval:
    """Ask the signer, on a page, to approve a transaction. Answer: Pending, or Minted when he has done so already.

    `objects` are the authentication objects that the client named, None where its version of the API has none.
    `joins`: a transaction equal to one that waits, or was approved and not collected, is the same one.
    """

    caller: Caller
    transaction: Transaction
    description: str = ""
    objects: tuple[str, ...] | None = None
    joins: bool = False


@dataclass(frozen=True)
class CollectApproval:
    """Ask for the SAD of an approval that was requested. Answer: Minted, once, or Pending."""

    caller: Caller
    handle: str

    def __repr__(self) -> str:
        return "CollectApproval(...)"


@dataclass(frozen=True)
class ListPending:
    """Ask what waits for the caller's signer. Answer: PendingApprovals."""

    caller: Caller


@dataclass(frozen=True)
class AnswerPending:
    """Bring the signer's answer: evidence to approve, None to refuse. Answer: Done, or a refusal that counts a try."""

    caller: Caller
    approval_id: ApprovalId
    evidence: Evidence | None


@dataclass(frozen=True)
class Challenge:
    """A challenge, good for one response of one client within two minutes."""

    challenge: str


@dataclass(frozen=True)
class Pending:
    """The signer has not answered yet; `handle` is what the client asks again with."""

    handle: str

    def __repr__(self) -> str:
        return "Pending(...)"


@dataclass(frozen=True)
class PendingApproval:
    """A transaction that waits for its signer; `objects` are the factors to ask for, `certificate` is DER or empty."""

    approval_id: ApprovalId
    client_id: ClientId
    transaction: Transaction
    description: str
    objects: tuple[str, ...]
    certificate: Octets
    transaction_hash: Octets
    expires_at: int


@dataclass(frozen=True)
class PendingApprovals:
    """Answer to ListPending, oldest first."""

    approvals: tuple[PendingApproval, ...]
