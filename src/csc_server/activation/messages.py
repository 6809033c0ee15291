"""Messages of the signature activation protocol, frozen and typed: what web may ask of the signer.

One request and one answer a frame, strict JSON (AR-03). Bytes travel as unpadded base64url. The signer
trusts none of it: each field is checked against its own store. Formats only grow: new fields get a default.
"""

from dataclasses import dataclass
from typing import Any, Literal, cast

from pydantic import TypeAdapter, ValidationError

from csc_server.activation.custody_messages import (
    BindCertificate,
    CertificateRequested,
    CheckCustody,
    DestroyCredential,
    RequestCredential,
)
from csc_server.activation.parts import Caller, Evidence, Lane, Octets, Transaction
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
from csc_server.errors import MalformedInputError
from csc_server.values import ApprovalId, AuthMode, CredentialId, CredentialState, KeyType, Scal, SignerId
from csc_server.wire import parse_object


@dataclass(frozen=True)
class DescribeCredential:
    """Ask for one credential the caller may see. Answer: CredentialDescription."""

    caller: Caller
    credential_id: CredentialId


@dataclass(frozen=True)
class ListCredentials:
    """Ask for the credentials of the caller's signer, or of `signer_id` when the caller's client is linked to it.

    Answer: CredentialDescriptions.
    """

    caller: Caller
    signer_id: SignerId


@dataclass(frozen=True)
class Begin:
    """Open a transaction for an OAuth 2.0 authorization (scope credential). Answer: Begun."""

    caller: Caller
    transaction: Transaction


@dataclass(frozen=True)
class Approve:
    """Bring the signer's evidence for an open transaction. Answer: Done, or a refusal that counts a try."""

    caller: Caller
    approval_id: ApprovalId
    evidence: Evidence


@dataclass(frozen=True)
class Activate:
    """Mint the SAD of an approved transaction for the token whose SHA-256 is given. Answer: Activated.

    Idempotent for the same token hash; any other hash, or a void approval, is refused (decision 26 d).
    """

    caller: Caller
    approval_id: ApprovalId
    token_hash: Octets


@dataclass(frozen=True)
class VoidApproval:
    """Kill an approval and every SAD it gave, for good. Answer: Done, also when there was nothing to kill."""

    caller: Caller
    approval_id: ApprovalId


@dataclass(frozen=True)
class Authorize:
    """Open, approve and mint in one call: credentials/authorize of an explicit credential. Answer: Minted."""

    caller: Caller
    transaction: Transaction
    evidence: Evidence


@dataclass(frozen=True)
class Extend:
    """Replace a SAD by its successor (credentials/extendTransaction, decision 15). Answer: Minted."""

    caller: Caller
    credential_id: CredentialId
    sad: str
    hashes: tuple[Octets, ...] = ()
    hash_algorithm: str = ""

    def __repr__(self) -> str:
        return "Extend(...)"


@dataclass(frozen=True)
class Sign:
    """Sign hashes under a SAD, which may be a SAD string or a credential-scope token. Answer: Signed.

    `sign_algorithm` and `hash_algorithm` are dotted OIDs ("" when absent), `parameters` decoded
    signAlgoParams.
    """

    caller: Caller
    credential_id: CredentialId
    sad: str
    hashes: tuple[Octets, ...]
    sign_algorithm: str
    hash_algorithm: str = ""
    parameters: Octets = b""

    def __repr__(self) -> str:
        return "Sign(...)"


@dataclass(frozen=True)
class Ping:
    """Ask a worker how it is. Answer: Health."""


@dataclass(frozen=True)
class CredentialDescription:
    """A credential as clients may see it; certificates are DER, end entity first.

    `objects` are the ids of its authentication objects, in order ("PIN", "OTP").
    """

    credential_id: CredentialId
    signer_id: SignerId
    key_type: KeyType
    certificates: tuple[Octets, ...]
    auth_mode: AuthMode
    scal: Scal
    multisign: int
    state: CredentialState
    objects: tuple[str, ...]
    description: str = ""


@dataclass(frozen=True)
class CredentialDescriptions:
    """Answer to ListCredentials, in order of the ids."""

    credentials: tuple[CredentialDescription, ...]


@dataclass(frozen=True)
class Begun:
    """A transaction waits for evidence until `expires_at`; the credential's `objects` are the factors it needs."""

    approval_id: ApprovalId
    credential: CredentialDescription
    transaction_hash: Octets
    expires_at: int


@dataclass(frozen=True)
class Activated:
    """A SAD stands behind the token now, for `expires_in` seconds."""

    credential_id: CredentialId
    expires_in: int


@dataclass(frozen=True)
class Minted:
    """A SAD and its lifetime in seconds."""

    sad: str
    expires_in: int

    def __repr__(self) -> str:
        return "Minted(...)"


@dataclass(frozen=True)
class Signed:
    """Signature values in request order: PKCS#1 blocks, or DER for ECDSA."""

    signatures: tuple[Octets, ...]


@dataclass(frozen=True)
class Done:
    """It is done."""


PARTS = ("device", "database", "clock", "audit")
"""The parts of a worker that `Health` tells of."""
OK = "ok"
UNREACHABLE = "unreachable"


@dataclass(frozen=True)
class Health:
    """A worker's state: each part is OK or one word for what is wrong, UNREACHABLE when the worker is silent."""

    worker: str
    epoch: int
    device: str
    database: str
    clock: str
    audit: str


@dataclass(frozen=True)
class Refused:
    """The signer said no: `refusal` is a value of `Refusal`."""

    refusal: str
    message: str = ""


@dataclass(frozen=True)
class Unavailable:
    """A part does not answer: 503 with Retry-After. `is_spent`: what was authorized for the request is used up."""

    component: str
    retry_after: int
    is_spent: bool = False


Request = (
    DescribeCredential
    | ListCredentials
    | Begin
    | Approve
    | Activate
    | VoidApproval
    | Authorize
    | Extend
    | Sign
    | Ping
    | SendCode
    | GetChallenge
    | RequestApproval
    | CollectApproval
    | ListPending
    | AnswerPending
    | RequestCredential
    | BindCertificate
    | CheckCustody
    | DestroyCredential
)
Answer = (
    CredentialDescription
    | CredentialDescriptions
    | Begun
    | Activated
    | Minted
    | Signed
    | Done
    | Challenge
    | Pending
    | PendingApprovals
    | CertificateRequested
    | Health
    | Refused
    | Unavailable
)

LANES: dict[type[Any], Lane] = {
    DescribeCredential: Lane.REGISTRY,
    ListCredentials: Lane.REGISTRY,
    Begin: Lane.REGISTRY,
    Activate: Lane.REGISTRY,
    VoidApproval: Lane.REGISTRY,
    Extend: Lane.REGISTRY,
    Approve: Lane.EVIDENCE,
    Authorize: Lane.EVIDENCE,
    Sign: Lane.SIGN,
    SendCode: Lane.EVIDENCE,
    GetChallenge: Lane.EVIDENCE,
    RequestApproval: Lane.REGISTRY,
    CollectApproval: Lane.REGISTRY,
    ListPending: Lane.REGISTRY,
    AnswerPending: Lane.EVIDENCE,
    RequestCredential: Lane.CUSTODY,
    BindCertificate: Lane.CUSTODY,
    CheckCustody: Lane.CUSTODY,
    DestroyCredential: Lane.CUSTODY,
}
"""Which lane serves which request; `Ping` goes to any."""

_REQUESTS = {kind.__name__: TypeAdapter(kind) for kind in Request.__args__}
_ANSWERS = {kind.__name__: TypeAdapter(kind) for kind in Answer.__args__}


def encode(message: Request | Answer) -> bytes:
    """Return the frame body of a message: {"kind": its name, "body": its fields}."""
    kind = type(message).__name__
    adapter = _REQUESTS.get(kind) or _ANSWERS[kind]
    return b'{"kind":"%b","body":%b}' % (kind.encode(), adapter.dump_json(message))


def decode_request(data: bytes) -> Request:
    """Return the request in a frame body, else raise MalformedInputError; unknown fields are refused (IN-05).

    So a node's signer is updated before its web; answers may grow in any order.
    """
    return cast(Request, _decode(data, _REQUESTS, "forbid"))


def decode_answer(data: bytes) -> Answer:
    """Return the answer in a frame body, else raise MalformedInputError."""
    return cast(Answer, _decode(data, _ANSWERS, "ignore"))


def _decode(data: bytes, table: dict[str, TypeAdapter[Any]], unknown: Literal["forbid", "ignore"]) -> object:
    members = parse_object(data)
    adapter = table.get(str(members.get("kind")))
    if adapter is None or members.keys() != {"kind", "body"}:
        raise MalformedInputError("not a message of the signature activation protocol")
    try:
        value: object = adapter.validate_python(members["body"], extra=unknown)
    except ValidationError as error:
        raise MalformedInputError("a message with wrong fields") from error
    return value
