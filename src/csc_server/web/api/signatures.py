"""credentials/extendTransaction and signatures/signHash (CSC 1.0.4.0, 11.7 and 11.9).

Web checks the form of a request and hands it to the signer, which decides.
"""

from dataclasses import dataclass
from typing import Any

from csc_server.activation.messages import DescribeCredential, Extend, Sign
from csc_server.errors import ProblemError, RefusedError
from csc_server.policy.certificates import read_certificate
from csc_server.values import ApiVersion, CredentialId, Refusal
from csc_server.web.api.asynchronous import accept
from csc_server.web.api.authorizing import minted
from csc_server.web.api.call import Call
from csc_server.web.api.refusals import refusal_problem
from csc_server.web.api.signature_jobs import Asynchronous
from csc_server.wire import encode_base64


@dataclass(frozen=True, slots=True)
class ExtendArguments:
    """Checked parameters of credentials/extendTransaction."""

    credential_id: CredentialId
    sad: str
    hashes: tuple[bytes, ...]
    hash_algorithm: str
    client_data: str

    def __repr__(self) -> str:
        return "ExtendArguments(...)"


@dataclass(frozen=True, slots=True)
class SignHashArguments:
    """Checked parameters of signatures/signHash."""

    credential_id: CredentialId
    sad: str
    hashes: tuple[bytes, ...]
    sign_algorithm: str
    parameters: bytes
    hash_algorithm: str
    operation_mode: Asynchronous | None
    client_data: str

    def __repr__(self) -> str:
        return "SignHashArguments(...)"


def extend_transaction(call: Call, arguments: ExtendArguments) -> dict[str, Any]:
    """Replace a SAD by its successor (decision 15)."""
    request = Extend(call.caller(), arguments.credential_id, arguments.sad, arguments.hashes, arguments.hash_algorithm)
    return minted(call.services.activation.extend(request))


def sign_hash(call: Call, arguments: SignHashArguments) -> dict[str, Any]:
    """Sign digests; values are standard base64 in request order, RSA as its octets, ECDSA as DER (A10)."""
    request = Sign(
        call.caller(),
        arguments.credential_id,
        arguments.sad,
        arguments.hashes,
        arguments.sign_algorithm,
        arguments.hash_algorithm,
        arguments.parameters,
    )
    if arguments.operation_mode is not None:
        return accept(call, request, arguments.operation_mode)
    try:
        signed = call.services.activation.sign(request)
    except RefusedError as error:
        if error.refusal is Refusal.CERTIFICATE_EXPIRED and call.version is ApiVersion.V1:
            raise _expired(call, arguments.credential_id, error) from error
        raise
    return {"signatures": [encode_base64(value) for value in signed.signatures]}


def _expired(call: Call, credential_id: CredentialId, error: RefusedError) -> ProblemError:
    """Return 1.0.4.0's text, which names the holder of the certificate."""
    described = call.services.activation.describe(DescribeCredential(call.caller(), credential_id))
    problem = refusal_problem(call.version, error)
    names = read_certificate(described.certificates[0]).holder if described.certificates else ""
    if names:
        problem.description = f"Signing certificate '{names}' is expired."
    return problem
