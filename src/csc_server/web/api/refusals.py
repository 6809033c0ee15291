"""What the signer's refusals are called on the wire, per API version (specs/errors.tsv).

`/csc/v1` speaks the texts of 1.0.4.0, `/csc/v2` those of 2.0.0.2 (decision 7). Texts without a row are
ours and stand in specs/divergences.md.
"""

from csc_server.errors import ProblemError, RefusedError
from csc_server.values import ApiVersion, Refusal
from csc_server.web.http.params import invalid, missing

WRONG_METHOD = "The credential identified by credentialID is not authorized by this method"

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
}

_V2: dict[Refusal, str] = _BOTH | {
    Refusal.CERTIFICATE_EXPIRED: "Signing certificate is expired",
    Refusal.HASH_COUNT_INVALID: invalid("hashes"),
    Refusal.HASH_ALGORITHM_MISSING: missing("string", "hashAlgorithmOID"),
    Refusal.HASH_ALGORITHM_INVALID: invalid("hashAlgorithmOID"),
    Refusal.HASH_NOT_AUTHORIZED: "Hash is not authorized by the SAD",
    Refusal.PIN_LOCKED: "Credential locked",
    Refusal.OTP_LOCKED: "Credential locked",
}

_AUTHENTICATION_DATA = ("invalid_authentication_data", "The authentication data is invalid")

_OTHER_CODES: dict[ApiVersion, dict[Refusal, tuple[str, str]]] = {
    ApiVersion.V1: {
        Refusal.PIN_INVALID: ("invalid_pin", "The PIN is invalid"),
        Refusal.OTP_INVALID: ("invalid_otp", "The OTP is invalid"),
    },
    ApiVersion.V2: {
        Refusal.PIN_MISSING: _AUTHENTICATION_DATA,
        Refusal.PIN_INVALID: _AUTHENTICATION_DATA,
        Refusal.OTP_MISSING: _AUTHENTICATION_DATA,
        Refusal.OTP_INVALID: _AUTHENTICATION_DATA,
    },
}

_TEXTS = {ApiVersion.V1: _V1, ApiVersion.V2: _V2}


def refusal_problem(version: ApiVersion, error: RefusedError) -> ProblemError:
    """Return the answer an API version prescribes for a refusal."""
    other = _OTHER_CODES[version].get(error.refusal)
    if other is not None:
        return ProblemError(400, *other)
    return ProblemError(400, "invalid_request", _TEXTS[version][error.refusal])
