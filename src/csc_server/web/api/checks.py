"""The parameter checks that endpoints share; each reads one parameter and refuses with its row's text.

A check takes the call and returns a typed value; `table.py` lists them per endpoint in the order in which
they run, which is the order of the rows of the error tables.
"""

import hmac
from typing import Any

from csc_server.activation.messages import Evidence
from csc_server.errors import ProblemError
from csc_server.values import ApiVersion, CredentialId, FactorKind
from csc_server.web.api.call import Call
from csc_server.web.http.params import invalid, missing
from csc_server.web.http.problems import invalid_request

MAX_SAD = 8192
"""Characters: a SAD that names 1,000 hashes by one digest stays below 2,000."""

MAX_OID = 64
MAX_SECRET = 128
MAX_DESCRIPTION = 500
"""CSC 1.0.4.0, 11.6."""

MAX_MULTISIGN = 1_000_000

_FACTOR_IDS = frozenset(kind.value for kind in FactorKind)

_HASH_NAMES = {ApiVersion.V1: ("hash", "hashes"), ApiVersion.V2: ("hashes", "hash")}
_HASH_ALGORITHM_NAMES = {
    ApiVersion.V1: ("hashAlgo", "hashAlgorithmOID"),
    ApiVersion.V2: ("hashAlgorithmOID", "hashAlgo"),
}
"""This version's name first; the other's is for clients with the leniency R14."""


def credential_id(call: Call) -> CredentialId:
    return CredentialId(call.parameters.required_string("credentialID"))


def num_signatures(call: Call) -> int:
    number = call.parameters.required_integer("numSignatures")
    if number < 1:
        raise invalid_request("Invalid value for parameter numSignatures")
    if number > MAX_MULTISIGN:
        raise invalid_request("Numbers of signatures is too high")
    return number


def required_hashes(call: Call) -> tuple[bytes, ...]:
    return call.parameters.required_hashes(_names(call, _HASH_NAMES), _most_hashes(call))


def optional_hashes(call: Call) -> tuple[bytes, ...]:
    return call.parameters.hashes(_names(call, _HASH_NAMES), _most_hashes(call)) or ()


def hash_algorithm(call: Call) -> str:
    """Return the dotted OID of the digest, "" when the request names none; the signer says if it must."""
    names = _names(call, _HASH_ALGORITHM_NAMES)
    value = call.parameters.value(names)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise invalid_request(missing("string", names[0]))
    if not 1 <= len(value) <= MAX_OID:
        raise invalid_request(invalid(names[0]))
    return value


def hash_algorithm_beside_hashes(call: Call) -> str:
    """Return the OID that 2.x wants wherever hashes stand outside of signHash; 1.0.4.0 has no such member there.

    A client with the leniency R14 sends the members of 1.0.4.0 and so cannot name it.
    """
    oid = hash_algorithm(call)
    is_asked = call.version is ApiVersion.V2 and not call.authorized.takes_other_dialect
    if is_asked and not oid and call.parameters.value(_names(call, _HASH_NAMES)) is not None:
        raise invalid_request(missing("string", "hashAlgorithmOID"))
    return oid


def sign_algorithm(call: Call) -> str:
    return call.parameters.required_string("signAlgo", maximum=MAX_OID)


def sign_parameters(call: Call) -> bytes:
    return call.parameters.base64("signAlgoParams")


def sad(call: Call) -> str:
    return call.parameters.required_string("SAD", maximum=MAX_SAD)


def sad_or_bearer(call: Call) -> str:
    """Return what activates the signature: the SAD, or on 2.x the credential-scope bearer itself (R17)."""
    if not call.authorized.is_credential_scope:
        return sad(call)
    given = call.parameters.optional_string("SAD", maximum=MAX_SAD, wrong_type=missing("string", "SAD"))
    bearer = call.authorized.secret
    if given is not None and not hmac.compare_digest(given.encode(), bearer.encode()):
        raise invalid_request(invalid("SAD"))
    return bearer


def operation_mode(call: Call) -> None:
    """Refuse anything but the synchronous mode; validity_period and response_uri mean nothing then (2.x)."""
    if call.version is ApiVersion.V2:
        call.parameters.choice("operationMode", ("S",), "S")


def client_data(call: Call) -> str:
    return call.parameters.free_text("clientData")


def description(call: Call) -> str:
    return call.parameters.free_text("description", maximum=MAX_DESCRIPTION)


def certificates(call: Call) -> str:
    return call.parameters.choice("certificates", ("none", "single", "chain"), "single")


def certificate_info(call: Call) -> bool:
    return call.parameters.boolean("certInfo")


def authentication_info(call: Call) -> bool:
    return call.parameters.boolean("authInfo")


def evidence(call: Call) -> Evidence:
    """Return PIN and OTP: members of their own in 1.0.4.0, authentication objects by id in 2.x."""
    read = _evidence_v1 if call.version is ApiVersion.V1 else _evidence_v2
    found = read(call)
    if found is None and call.authorized.takes_other_dialect:
        other = _evidence_v2 if call.version is ApiVersion.V1 else _evidence_v1
        found = other(call)
    return found or Evidence()


def _evidence_v1(call: Call) -> Evidence | None:
    pin = call.parameters.optional_string("PIN", maximum=MAX_SECRET)
    otp = call.parameters.optional_string("OTP", maximum=MAX_SECRET)
    return None if pin is None and otp is None else Evidence(pin, otp)


def _evidence_v2(call: Call) -> Evidence | None:
    given = call.parameters.value(("authData",))
    if given is None:
        return None
    if not isinstance(given, list) or len(given) > len(FactorKind):
        raise invalid_request(invalid("authData"))
    values: dict[str, str] = {}
    for item in given:
        identifier, value = _authentication_object(item)
        if identifier in values:
            raise invalid_request(invalid("authData"))
        values[identifier] = value
    return Evidence(values.get(FactorKind.PIN), values.get(FactorKind.OTP))


def _authentication_object(item: Any) -> tuple[str, str]:  # noqa: ANN401 a JSON value
    if not isinstance(item, dict):
        raise invalid_request(invalid("authData"))
    identifier, value = item.get("id"), item.get("value")
    if not isinstance(identifier, str) or not isinstance(value, str) or not 1 <= len(value) <= MAX_SECRET:
        raise invalid_request(invalid("authData"))
    if identifier not in _FACTOR_IDS:
        raise ProblemError(400, "invalid_authentication_data", "The authentication data is invalid")
    return identifier, value


def _names(call: Call, names: dict[ApiVersion, tuple[str, str]]) -> tuple[str, ...]:
    both = names[call.version]
    return both if call.authorized.takes_other_dialect else both[:1]


def _most_hashes(call: Call) -> int:
    return call.services.settings.limits.hashes_per_request
