"""credentials/authorize, authorizeCheck, getChallenge and sendOTP (CSC 1.0.4.0, 11.6 and 11.8; 2.0.0.2, 11.6 to 11.8).

Web reads and hands on: secrets are compared, challenges made and codes sent by the signer's side alone.
"""

from dataclasses import dataclass
from typing import Any

from csc_server.activation.messages import Authorize, Minted
from csc_server.activation.parts import Transaction
from csc_server.activation.pending_messages import (
    Challenge,
    CollectApproval,
    GetChallenge,
    Pending,
    RequestApproval,
    SendCode,
)
from csc_server.errors import RefusedError
from csc_server.values import ApiVersion, CredentialId, Refusal
from csc_server.web.api.authentication_data import AuthenticationData
from csc_server.web.api.call import Accepted, Call
from csc_server.web.http.problems import invalid_request


@dataclass(frozen=True, slots=True)
class AuthorizeArguments:
    """Checked parameters of credentials/authorize; `authentication` holds secrets and shows none."""

    credential_id: CredentialId
    num_signatures: int
    hashes: tuple[bytes, ...]
    hash_algorithm: str
    authentication: AuthenticationData
    description: str
    client_data: str


@dataclass(frozen=True, slots=True)
class CheckArguments:
    """Checked parameters of credentials/authorizeCheck."""

    handle: str

    def __repr__(self) -> str:
        return "CheckArguments(...)"


@dataclass(frozen=True, slots=True)
class ChallengeArguments:
    """Checked parameters of credentials/getChallenge."""

    credential_id: CredentialId
    object_id: str


@dataclass(frozen=True, slots=True)
class SendArguments:
    """Checked parameters of credentials/sendOTP."""

    credential_id: CredentialId
    client_data: str


def handle(call: Call) -> str:
    return call.parameters.required_string("handle")


def object_id(call: Call) -> str:
    return call.parameters.required_string("authObjectID")


def authorize(call: Call, arguments: AuthorizeArguments) -> dict[str, Any] | Accepted:
    """Authorize a credential: with the signer's secrets at once, without them by asking the signer.

    Which of the two a credential takes the signer process knows; a request of the wrong kind it refuses as one
    with missing, or with too many, parameters.
    """
    transaction = Transaction(
        arguments.credential_id,
        arguments.num_signatures,
        arguments.hashes,
        hash_algorithm=arguments.hash_algorithm,
    )
    activation, authentication = call.services.activation, arguments.authentication
    if authentication.brings_secrets:
        return minted(activation.authorize(Authorize(call.caller(), transaction, authentication.evidence)))
    joins = call.version is ApiVersion.V1
    request = RequestApproval(call.caller(), transaction, arguments.description, authentication.objects, joins)
    answer = activation.request_approval(request)
    if isinstance(answer, Pending) and call.version is ApiVersion.V1:
        collect = CollectApproval(call.caller(), answer.handle)
        answer = call.services.waiting.wait(lambda: activation.collect_approval(collect))
    return _answer(answer)


def check(call: Call, arguments: CheckArguments) -> dict[str, Any] | Accepted:
    """Tell whether the signer has approved: the SAD, once, or the handle to ask again with."""
    return _answer(call.services.activation.collect_approval(CollectApproval(call.caller(), arguments.handle)))


def get_challenge(call: Call, arguments: ChallengeArguments) -> dict[str, Any] | None:
    """Return the challenge for an authentication object; none when it was sent to the signer."""
    request = GetChallenge(call.caller(), arguments.credential_id, arguments.object_id)
    answer = call.services.activation.get_challenge(request)
    return {"challenge": answer.challenge} if isinstance(answer, Challenge) else None


def send_otp(call: Call, arguments: SendArguments) -> None:
    """Have a one-time code sent to the signer; it never comes through here."""
    try:
        call.services.activation.send_code(SendCode(call.caller(), arguments.credential_id))
    except RefusedError as error:
        if error.refusal is Refusal.OTP_LOCKED:  # the text of 1.0.4.0 on both: 2.x has no table of its own
            raise invalid_request("OTP locked") from error
        raise


def minted(answer: Minted) -> dict[str, Any]:
    """Return the members of an answer with a SAD."""
    return {"SAD": answer.sad, "expiresIn": answer.expires_in}


def _answer(answer: Minted | Pending) -> dict[str, Any] | Accepted:
    return minted(answer) if isinstance(answer, Minted) else Accepted({"handle": answer.handle})
