"""The Activation port: what web sees of the signer. `client.py` is its adapter over UNIX sockets."""

from typing import Protocol

from csc_server.activation.custody_messages import (
    BindCertificate,
    CertificateRequested,
    CheckCustody,
    DestroyCredential,
    RequestCredential,
)
from csc_server.activation.messages import (
    Activate,
    Activated,
    Approve,
    Authorize,
    Begin,
    Begun,
    CredentialDescription,
    CredentialDescriptions,
    DescribeCredential,
    Done,
    Extend,
    Health,
    ListCredentials,
    Minted,
    Sign,
    Signed,
    VoidApproval,
)
from csc_server.activation.pending_messages import (
    AnswerPending,
    Challenge,
    CollectApproval,
    GetChallenge,
    ListPending,
    Pending,
    PendingApprovals,
    RequestApproval,
    SendCode,
)


class Activation(Protocol):
    """The operations of the signature activation protocol.

    Every method raises RefusedError when the signer says no, and UnavailableError when it does not answer
    in time; what a call without an answer did is unknown, so none is repeated here.
    """

    def describe(self, request: DescribeCredential) -> CredentialDescription: ...

    def list_credentials(self, request: ListCredentials) -> CredentialDescriptions: ...

    def begin(self, request: Begin) -> Begun: ...

    def approve(self, request: Approve) -> None: ...

    def activate(self, request: Activate) -> Activated: ...

    def void_approval(self, request: VoidApproval) -> None: ...

    def authorize(self, request: Authorize) -> Minted: ...

    def extend(self, request: Extend) -> Minted: ...

    def sign(self, request: Sign) -> Signed: ...

    def send_code(self, request: SendCode) -> None: ...

    def get_challenge(self, request: GetChallenge) -> Challenge | Done: ...

    def request_approval(self, request: RequestApproval) -> Minted | Pending: ...

    def collect_approval(self, request: CollectApproval) -> Minted | Pending: ...

    def list_pending(self, request: ListPending) -> PendingApprovals: ...

    def answer_pending(self, request: AnswerPending) -> None: ...

    def request_credential(self, request: RequestCredential) -> CertificateRequested: ...

    def bind_certificate(self, request: BindCertificate) -> CredentialDescription: ...

    def check_custody(self, request: CheckCustody) -> CredentialDescription: ...

    def destroy_credential(self, request: DestroyCredential) -> None: ...

    def health(self) -> list[Health]:
        """Return one state per worker; a worker that does not answer has UNREACHABLE parts."""
