"""What the signer's refusals are called on the wire, per API version (specs/rows/errors.tsv).

`/csc/v1` speaks the texts of 1.0.4.0, `/csc/v2` those of 2.0.0.2 (decision 7). Texts without a row are
ours and stand in specs/divergences.md.
"""

from csc_server.errors import ProblemError, RefusedError
from csc_server.values import ApiVersion, Refusal
from csc_server.web.http.params import invalid, missing

WRONG_METHOD = "The credential identified by credentialID is not authorized by this method"

NOT_ENTITLED = "The client is not authorized to use this method."
"""CSC 1.0.4.0, 10.1, table 3: a client without custody is told as one whose token is for something else."""

KEY_AWAY = "The key of the credential is not available now; nothing was spent"
KEY_RETRY = 30
"""Seconds: an operator must bring the key back, from a backup for example."""

ONLY_V2 = (
    Refusal.RESPONSE_MISSING,
    Refusal.RESPONSE_INVALID,
    Refusal.RESPONSE_LOCKED,
    Refusal.OBJECTS_INVALID,
)
"""Refusals about authentication objects that 1.0.4.0 has no member for."""

_BOTH: dict[Refusal, str] = {
    Refusal.UNKNOWN_CREDENTIAL: invalid("credentialID"),
    Refusal.CREDENTIAL_DISABLED: "The credential identified by credentialID is disabled",
    Refusal.CREDENTIAL_NOT_EXPLICIT: WRONG_METHOD,
    Refusal.CREDENTIAL_NOT_OAUTH: WRONG_METHOD,
    Refusal.NUM_SIGNATURES_TOO_HIGH: "Numbers of signatures is too high",
    Refusal.NUM_SIGNATURES_INVALID: "Invalid value for parameter numSignatures",
    Refusal.HASHES_REQUIRED: missing("array", "hash"),
    Refusal.DIGEST_LENGTH: "Invalid digest value length",
    Refusal.SIGN_ALGORITHM_INVALID: invalid("signAlgo"),
    Refusal.SIGN_PARAMETERS_MISSING: missing("string", "signAlgoParams"),
    Refusal.SIGN_PARAMETERS_INVALID: invalid("signAlgoParams"),
    Refusal.SAD_INVALID: invalid("SAD"),
    Refusal.SAD_EXPIRED: "SAD expired",
    Refusal.SAD_EXHAUSTED: invalid("SAD"),
    Refusal.APPROVAL_INVALID: invalid("SAD"),
    Refusal.NO_ONLINE_OTP: invalid("credentialID"),
    Refusal.OBJECT_INVALID: invalid("authObjectID"),
    Refusal.HANDLE_INVALID: invalid("handle"),
    Refusal.CREDENTIAL_LIMIT: "The signer has too many credentials",
    Refusal.CERTIFICATE_REFUSED: invalid("credentialID"),
}

_V1: dict[Refusal, str] = _BOTH | {
    Refusal.CERTIFICATE_EXPIRED: "Signing certificate is expired",
    Refusal.HASH_COUNT_INVALID: invalid("hash"),
    Refusal.HASH_ALGORITHM_MISSING: missing("string", "hashAlgo"),
    Refusal.HASH_ALGORITHM_INVALID: invalid("hashAlgo"),
    Refusal.HASH_NOT_AUTHORIZED: "Hash is not authorized by the SAD.",
    Refusal.PIN_MISSING: missing("string", "PIN"),
    Refusal.PIN_LOCKED: "PIN locked",
    Refusal.OTP_MISSING: missing("string", "OTP"),
    Refusal.OTP_LOCKED: "OTP locked",
    **dict.fromkeys(ONLY_V2, WRONG_METHOD),
}

_V2: dict[Refusal, str] = _BOTH | {
    Refusal.CERTIFICATE_EXPIRED: "Signing certificate is expired",
    Refusal.HASH_COUNT_INVALID: invalid("hashes"),
    Refusal.HASH_ALGORITHM_MISSING: missing("string", "hashAlgorithmOID"),
    Refusal.HASH_ALGORITHM_INVALID: invalid("hashAlgorithmOID"),
    Refusal.HASH_NOT_AUTHORIZED: "Hash is not authorized by the SAD",
    Refusal.PIN_LOCKED: "Credential locked",
    Refusal.OTP_LOCKED: "Credential locked",
    Refusal.RESPONSE_LOCKED: "Credential locked",
}

_AUTHENTICATION_DATA = ("invalid_authentication_data", "The authentication data is invalid")

DENIED = ("access_denied", "The user, authorization server or remote service denied the request.")
"""CSC 1.0.4.0, 10.1, table 3: 401, and no row of its own for a signer who says no."""

_OTHER_CODES: dict[ApiVersion, dict[Refusal, tuple[str, str]]] = {
    ApiVersion.V1: {
        Refusal.PIN_INVALID: ("invalid_pin", "The PIN is invalid"),
        Refusal.OTP_INVALID: ("invalid_otp", "The OTP is invalid"),
        Refusal.APPROVAL_REFUSED: DENIED,
        Refusal.EVIDENCE_REFUSED: DENIED,
    },
    ApiVersion.V2: {
        Refusal.PIN_MISSING: _AUTHENTICATION_DATA,
        Refusal.PIN_INVALID: _AUTHENTICATION_DATA,
        Refusal.OTP_MISSING: _AUTHENTICATION_DATA,
        Refusal.OTP_INVALID: _AUTHENTICATION_DATA,
        Refusal.RESPONSE_MISSING: _AUTHENTICATION_DATA,
        Refusal.RESPONSE_INVALID: _AUTHENTICATION_DATA,
        Refusal.OBJECTS_INVALID: _AUTHENTICATION_DATA,
        Refusal.EVIDENCE_REFUSED: _AUTHENTICATION_DATA,
        Refusal.APPROVAL_REFUSED: DENIED,
    },
}

_TEXTS = {ApiVersion.V1: _V1, ApiVersion.V2: _V2}


def refusal_problem(version: ApiVersion, error: RefusedError) -> ProblemError:
    """Return the answer an API version prescribes for a refusal."""
    if error.refusal is Refusal.KEY_MISSING:
        return ProblemError(503, "temporarily_unavailable", KEY_AWAY, {"Retry-After": str(KEY_RETRY)})
    if error.refusal is Refusal.CUSTODY_REFUSED:
        return ProblemError(401, "unauthorized_client", NOT_ENTITLED)
    other = _OTHER_CODES[version].get(error.refusal)
    if other is DENIED:
        return ProblemError(401, *other, {"WWW-Authenticate": "Bearer"})
    if other is not None:
        return ProblemError(400, *other)
    return ProblemError(400, "invalid_request", _TEXTS[version][error.refusal])
