"""Mode "A" of signatures/signHash, and signatures/signPolling (CSC 2.0.0.2, 11.10 and 11.12)."""

from dataclasses import dataclass
from typing import Any

from csc_server.activation.messages import Sign
from csc_server.errors import ProblemError
from csc_server.values import ApiVersion, FetchPurpose
from csc_server.web.api.call import Call
from csc_server.web.api.signature_jobs import Asynchronous
from csc_server.web.http.params import MAX_IDENTIFIER, invalid
from csc_server.web.http.problems import invalid_request

USUAL_VALIDITY = 3600
"""Seconds a result is kept when the request names no validity_period."""
MAX_URI = 2048
"""Characters."""

_MODE = ("operationMode",)
ACCEPTED = (
    "The previous asynchronous signature request has been accepted for processing, but the processing has not yet "
    "been completed."
)
"""The text of 2.1.0.1 (decision 24)."""
SHALL_BE_NULL = "userID parameter SHALL be null"
INVALID_USER_ID = 'Invalid parameter "userID"'


@dataclass(frozen=True, slots=True)
class PollingArguments:
    """Checked parameters of signatures/signPolling; the requestID is a secret between client and server."""

    request_id: str
    user_id: None
    client_data: str

    def __repr__(self) -> str:
        return "PollingArguments(...)"


def operation_mode(call: Call) -> Asynchronous | None:
    """Return what mode "A" asks for, None in mode "S", where its other parameters mean nothing (2.x)."""
    if call.version is not ApiVersion.V2 or call.parameters.value(_MODE) is None:
        return None
    modes = ("S", "A") if call.services.settings.asynchronous else ("S",)
    if call.parameters.choice("operationMode", modes, "S") == "S":
        return None
    return Asynchronous(_validity(call), _response_uri(call))


def request_id(call: Call) -> str:
    return call.parameters.required_string("requestID")


def user_id(call: Call) -> None:
    """Check userID, which a token that a signer logged in for forbids; a result belongs to the token anyway."""
    value = call.parameters.value(("userID",))
    if value is None:
        return
    if call.signer_id is not None:
        raise invalid_request(SHALL_BE_NULL)
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_IDENTIFIER:
        raise invalid_request(INVALID_USER_ID)


def accept(call: Call, request: Sign, order: Asynchronous) -> dict[str, Any]:
    """Accept a request that is signed later; what the signer refuses at once is refused here."""
    return {"responseID": call.services.jobs.accept(request, order)}


def poll(call: Call, arguments: PollingArguments) -> dict[str, Any]:
    """Return the signatures of an accepted request, 202 while there are none."""
    caller = call.caller()
    try:
        signatures = call.services.jobs.result(arguments.request_id, caller.client_id, caller.signer_id)
    except LookupError:
        raise invalid_request(invalid("requestID")) from None
    if signatures is None:
        raise ProblemError(202, "accepted_request", ACCEPTED, {"Retry-After": "1"})
    return {"signatures": signatures}


def _validity(call: Call) -> int:
    """Return validity_period, milliseconds, in whole seconds; at least one."""
    value = call.parameters.value(("validity_period",))
    longest = call.services.settings.limits.result_lifetime
    if value is None:
        return min(USUAL_VALIDITY, longest)
    if type(value) is not int:
        raise invalid_request(invalid("validity_period"))
    if not 1 <= value <= longest * 1000:
        raise invalid_request("Out of bounds parameter validity_period")
    return -(-value // 1000)


def _response_uri(call: Call) -> str:
    """Return response_uri, which the operator must have listed (IN-20)."""
    uri = call.parameters.optional_string("response_uri", maximum=MAX_URI)
    if uri is not None and not call.services.fetcher.permits(FetchPurpose.RESPONSE_URI, uri):
        raise invalid_request(invalid("response_uri"))
    return uri or ""
