"""The parameter checks that endpoints share; each reads one parameter and refuses with its row's text.

A check takes the call and returns a typed value; `table.py` lists them per endpoint in the order in which
they run, which is the order of the rows of the error tables.
"""

import hmac

from csc_server.values import ApiVersion, CredentialId
from csc_server.web.api.call import Call
from csc_server.web.authorization.token_binding import may_stand_beside
from csc_server.web.http.params import invalid, missing
from csc_server.web.http.problems import invalid_request

MAX_SAD = 8192
"""Characters: a SAD that names 1,000 hashes by one digest stays below 2,000."""

MAX_OID = 64
MAX_DESCRIPTION = 500
"""CSC 1.0.4.0, 11.6."""

MAX_MULTISIGN = 1_000_000

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
    """Return the SAD; a credential-scope token in its place is alive, and bound to no key but the bearer's."""
    given = call.parameters.required_string("SAD", maximum=MAX_SAD)
    if not may_stand_beside(call.services.authorization, given, call.authorized.token):
        raise invalid_request(invalid("SAD"))
    return given


def sad_or_bearer(call: Call) -> str:
    """Return what activates the signature: the SAD, or on 2.x the credential-scope bearer itself (R17)."""
    if not call.authorized.is_credential_scope:
        return sad(call)
    given = call.parameters.optional_string("SAD", maximum=MAX_SAD, wrong_type=missing("string", "SAD"))
    bearer = call.authorized.secret
    if given is not None and not hmac.compare_digest(given.encode(), bearer.encode()):
        raise invalid_request(invalid("SAD"))
    return bearer


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


def _names(call: Call, names: dict[ApiVersion, tuple[str, str]]) -> tuple[str, ...]:
    both = names[call.version]
    return both if call.authorized.takes_other_dialect else both[:1]


def _most_hashes(call: Call) -> int:
    return call.services.settings.limits.hashes_per_request
