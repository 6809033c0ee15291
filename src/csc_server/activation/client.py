"""Web's end of the signature activation protocol: the Activation port over the workers' UNIX sockets."""

from pathlib import Path
from typing import TypeVar

from csc_server.activation.custody_messages import (
    BindCertificate,
    CertificateRequested,
    CheckCustody,
    DestroyCredential,
    RequestCredential,
)
from csc_server.activation.framing import frame
from csc_server.activation.lanes import LaneClient
from csc_server.activation.messages import (
    LANES,
    PARTS,
    UNREACHABLE,
    Activate,
    Activated,
    Answer,
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
    Ping,
    Refused,
    Request,
    Sign,
    Signed,
    Unavailable,
    VoidApproval,
    decode_answer,
    encode,
)
from csc_server.activation.parts import Lane
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
from csc_server.errors import MalformedInputError, RefusedError, UnavailableError
from csc_server.values import Refusal

ANSWER_MARGIN = 0.5
"""Seconds beyond the device's own deadline until a caller is told that the signer does not answer (RL-04).

The kernel may end a wait of this length a quarter of a second late, and the whole has one second.
"""
EACH_HASH = 0.03
"""Seconds a batch may take for each of its hashes: five times RSA-4096 in software."""
LONGEST = 30.0
"""Seconds at most for a whole request, a batch included."""
HEALTH_DEADLINE = 2.0

_AnswerT = TypeVar("_AnswerT")
_OtherT = TypeVar("_OtherT")


class SignerClient:
    """The Activation port over sockets; safe to share between threads."""

    def __init__(
        self,
        socket_dir: Path,
        signing_workers: int,
        evidence_workers: int,
        signer_uid: int,
        call_deadline: float = 3.0,
        custody_workers: int = 0,
    ) -> None:
        self._deadline = call_deadline + ANSWER_MARGIN
        numbers = {
            Lane.SIGN: signing_workers,
            Lane.REGISTRY: 1,
            Lane.EVIDENCE: evidence_workers,
            Lane.CUSTODY: custody_workers,
        }
        workers = {lane: number for lane, number in numbers.items() if number}
        self._lanes = {lane: LaneClient(socket_dir, lane, number, signer_uid) for lane, number in workers.items()}

    def describe(self, request: DescribeCredential) -> CredentialDescription:
        return self._call(request, CredentialDescription)

    def list_credentials(self, request: ListCredentials) -> CredentialDescriptions:
        return self._call(request, CredentialDescriptions)

    def begin(self, request: Begin) -> Begun:
        return self._call(request, Begun)

    def approve(self, request: Approve) -> None:
        self._call(request, Done)

    def activate(self, request: Activate) -> Activated:
        return self._call(request, Activated)

    def void_approval(self, request: VoidApproval) -> None:
        self._call(request, Done)

    def authorize(self, request: Authorize) -> Minted:
        return self._call(request, Minted)

    def extend(self, request: Extend) -> Minted:
        return self._call(request, Minted)

    def sign(self, request: Sign) -> Signed:
        return self._call(request, Signed)

    def send_code(self, request: SendCode) -> None:
        self._call(request, Done)

    def get_challenge(self, request: GetChallenge) -> Challenge | Done:
        return self._call_either(request, Challenge, Done)

    def request_approval(self, request: RequestApproval) -> Minted | Pending:
        return self._call_either(request, Minted, Pending)

    def collect_approval(self, request: CollectApproval) -> Minted | Pending:
        return self._call_either(request, Minted, Pending)

    def list_pending(self, request: ListPending) -> PendingApprovals:
        return self._call(request, PendingApprovals)

    def answer_pending(self, request: AnswerPending) -> None:
        self._call(request, Done)

    def request_credential(self, request: RequestCredential) -> CertificateRequested:
        return self._call(request, CertificateRequested)

    def bind_certificate(self, request: BindCertificate) -> CredentialDescription:
        return self._call(request, CredentialDescription)

    def check_custody(self, request: CheckCustody) -> CredentialDescription:
        return self._call(request, CredentialDescription)

    def destroy_credential(self, request: DestroyCredential) -> None:
        self._call(request, Done)

    def health(self) -> list[Health]:
        body = frame(encode(Ping()))
        states = []
        for lane, client in self._lanes.items():
            for index, answer in enumerate(client.call_each(body, HEALTH_DEADLINE)):
                states.append(_health(f"{lane.value}-{index}", answer))
        return states

    def _call_either(self, request: Request, one: type[_AnswerT], other: type[_OtherT]) -> _AnswerT | _OtherT:
        answer = self._ask(request)
        if isinstance(answer, (one, other)):
            return answer
        raise UnavailableError("signer", "the signer gave an answer of another kind")

    def _call(self, request: Request, expected: type[_AnswerT]) -> _AnswerT:
        answer = self._ask(request)
        if isinstance(answer, expected):
            return answer
        raise UnavailableError("signer", "the signer gave an answer of another kind")

    def _ask(self, request: Request) -> Answer:
        """Return the signer's answer; raise what a refusal, or a part that is away, is here."""
        hashes = len(request.hashes) if isinstance(request, Sign) else 0
        deadline = min(self._deadline + EACH_HASH * hashes, LONGEST)
        body = self._lanes[LANES[type(request)]].call(frame(encode(request)), deadline)
        answer = _decoded(body)
        if isinstance(answer, Refused):
            raise _refusal(answer)
        if isinstance(answer, Unavailable):
            raise UnavailableError(answer.component, retry_after=answer.retry_after, is_spent=answer.is_spent)
        return answer


def _refusal(answer: Refused) -> RefusedError | UnavailableError:
    """Return what to raise; a signer that is newer than its web may know refusals that web has no words for."""
    try:
        return RefusedError(Refusal(answer.refusal), answer.message)
    except ValueError:
        return UnavailableError("signer", "the signer refused for a reason of another version")


def _decoded(body: bytes) -> Answer:
    try:
        return decode_answer(body)
    except MalformedInputError as error:
        raise UnavailableError("signer") from error


def _health(worker: str, body: bytes | None) -> Health:
    answer = _decoded(body) if body is not None else None
    if isinstance(answer, Health):
        return answer
    return Health(worker, 0, **dict.fromkeys(PARTS, UNREACHABLE))
