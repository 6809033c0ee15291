"""How the request parameters of the API's methods are tried, where a complete body of the method is not enough."""

import base64
import functools
from collections.abc import Callable

from cryptography import x509

from integration.one_time_codes import codes_of_this_run
from rows.answers import Answer
from rows.bodies import BODIES, DIGEST, POLICY, asynchronous, created, token_for
from rows.desk import ECDSA_SHA256, RSA_SHA256, Desk, Json, base64_of, basic, hashes
from rows.requests_of_rows import Make, Request, Send, Situation, send_json

WAYS: dict[tuple[str, str], Request] = {}
PSS = "1.2.840.113549.1.1.10"
PSS_SHA256 = "MDSgDzANBglghkgBZQMEAgEFAKEcMBoGCSqGSIb3DQEBCDANBglghkgBZQMEAgEFAKIDAgEg"
"""RSASSA-PSS-params: SHA-256, MGF1 with SHA-256, 32 octets of salt (RFC 4055, 3.1)."""
PUBLIC_KEY = "1.2.840.113549.1.1.1"


@functools.cache
def whole_body(method: str) -> Request | None:
    """Return how a parameter is tried that no way is registered for: with the method's complete body."""
    if method not in BODIES:
        return None
    return Request(Situation(BODIES[method], send_json(method, token=lambda desk, face: token_for(desk, face, method))))


def conditional(
    method: str, *names: str, needed: Make, free: Make, send: Send | None = None, free_send: Send | None = None,
    effect: Callable[[Answer], bool] | None = None,
) -> None:  # fmt: skip
    """Register the two situations of parameters that are needed in one alone."""
    sender = send or send_json(method)
    for name in names:
        WAYS[method, name] = Request(Situation(needed, sender), Situation(free, free_send or sender), effect)


def less(make: Make, *names: str, **members: object) -> Make:
    """Return a body without these members, and with those changed."""
    return lambda desk, face: {k: v for k, v in (make(desk, face) | members).items() if k not in names}


# auth/login: a header or a refresh token, never both


def _by_header(desk: Desk, face: str) -> Json:
    return {
        "(header) Authorization": basic(desk.user.username, desk.user.password),
        "rememberMe": True,
        "clientData": "x",
    }


def _by_token(desk: Desk, face: str) -> Json:
    return {"refresh_token": desk.new_login(face)["refresh_token"]}


conditional("auth/login", "(header) Authorization", needed=_by_header, free=_by_token)
conditional("auth/login", "refresh_token", needed=_by_token, free=_by_header)
for _name in ("rememberMe", "clientData"):
    WAYS["auth/login", _name] = Request(Situation(_by_header, send_json("auth/login")))


# credentials/list


def _client_token(desk: Desk, face: str) -> str:
    return desk.client_token(face)


def _of_user(desk: Desk, face: str) -> Json:
    return {"userID": desk.user.username}


FIRST: list[str] = []
"""The credential on the first page of this run."""


def _second_page(desk: Desk, face: str) -> Json:
    first = desk.post(face, "credentials/list", {"maxResults": 1}).members
    FIRST[:] = first["credentialIDs"]
    return {"maxResults": 1, "pageToken": first["nextPageToken"]}


def _first_page(desk: Desk, face: str) -> Json:
    return {"maxResults": 1}


def _is_second_page(answer: Answer) -> bool:
    return answer.members["credentialIDs"] != FIRST


conditional(
    "credentials/list", "userID", needed=_of_user, free=BODIES["credentials/list"],
    send=send_json("credentials/list", token=_client_token), free_send=send_json("credentials/list"),
)  # fmt: skip
conditional("credentials/list", "pageToken", needed=_second_page, free=_first_page, effect=_is_second_page)
for _name in ("certificates", "certInfo", "authInfo"):
    conditional(
        "credentials/list", _name, needed=BODIES["credentials/list"],
        free=less(BODIES["credentials/list"], _name, credentialInfo=False),
    )  # fmt: skip
WAYS["credentials/list", "onlyValid"] = Request(
    Situation(BODIES["credentials/list"], send_json("credentials/list")),
    Situation(BODIES["credentials/list"], send_json("credentials/list")),
    effect=lambda answer: answer.members.get("onlyValid") is True,
)


# Factors, hashes and their algorithm


def _scal_2(key: str) -> Make:
    """Return the body for a credential that wants a one-time code and binds hashes."""

    def make(desk: Desk, face: str) -> Json:
        credential = desk.credential(key, scal="2")
        body: Json = {"credentialID": credential.credential_id, "numSignatures": 1}
        return body | hashes(face, DIGEST) | desk.evidence(face, credential)

    return make


def _extend_scal_2(desk: Desk, face: str) -> Json:
    """One approval serves all requests of a face: each extension leaves its successor for the next."""
    credential = desk.credential("P-256", scal="2")
    sad = desk.keep("bound SAD", face, make=lambda: desk.new_sad(face, credential, 9, **hashes(face, *[DIGEST] * 9)))
    return {"credentialID": credential.credential_id, "SAD": sad} | hashes(face, DIGEST)


def _extend_and_keep(desk: Desk, face: str, body: Json) -> Answer:
    answer = desk.post(face, _EXTEND, body)
    if not answer.is_refusal:
        desk.forget("bound SAD", face)
        desk.keep("bound SAD", face, make=lambda: answer.members["SAD"])
    return answer


_AUTHORIZE, _EXTEND, _SIGN = "credentials/authorize", "credentials/extendTransaction", "signatures/signHash"
_plain = less(BODIES[_AUTHORIZE], "hash", "hashes", "hashAlgorithmOID")
conditional(_AUTHORIZE, "hash", "hashes", needed=_scal_2("RSA-4096"), free=_plain)
conditional(_AUTHORIZE, "hashAlgorithmOID", needed=BODIES[_AUTHORIZE], free=_plain)


def _by_code(desk: Desk, face: str) -> Json:
    """A credential that knows a one-time code alone."""
    mode = desk.mode("otp")
    code = codes_of_this_run.next(mode.totp_secret or "")
    return {"credentialID": mode.credential_id, "numSignatures": 1, "OTP": code}


def _by_signer(desk: Desk, face: str) -> Json:
    """A credential that its signer approves on a page: the client has no secret to bring."""
    return {"credentialID": desk.mode("implicit").credential_id, "numSignatures": 1} | hashes(face, DIGEST)


def _out_of_band(desk: Desk, face: str) -> Json:
    body = {"credentialID": desk.mode("out-of-band").credential_id, "numSignatures": 1} | hashes(face, DIGEST)
    return body | {"authData": desk.objects("out-of-band")}


conditional(_AUTHORIZE, "PIN", needed=BODIES[_AUTHORIZE], free=_by_code)
conditional(_AUTHORIZE, "authData", needed=BODIES[_AUTHORIZE], free=_by_signer)
conditional(_AUTHORIZE, "authData[].value", needed=BODIES[_AUTHORIZE], free=_out_of_band)
conditional(_AUTHORIZE, "OTP", needed=_scal_2("RSA-2048"), free=BODIES[_AUTHORIZE])
_plain = less(BODIES[_EXTEND], "hash", "hashes", "hashAlgorithmOID")
conditional(
    _EXTEND, "hash", "hashes", needed=_extend_scal_2, free=_plain, send=_extend_and_keep, free_send=send_json(_EXTEND)
)
conditional(_EXTEND, "hashAlgorithmOID", needed=BODIES[_EXTEND], free=_plain)


# signatures/signHash


def _with_key(desk: Desk, face: str) -> Json:
    """The key's own OID names no digest (rule R10)."""
    return BODIES[_SIGN](desk, face) | {"signAlgo": PUBLIC_KEY}


def _with_combined(desk: Desk, face: str) -> Json:
    body = BODIES[_SIGN](desk, face) | {"signAlgo": RSA_SHA256}
    return {name: value for name, value in body.items() if name not in {"hashAlgo", "hashAlgorithmOID"}}


def _with_parameters(desk: Desk, face: str) -> Json:
    return _with_combined(desk, face) | {"signAlgo": PSS, "signAlgoParams": PSS_SHA256}


conditional(_SIGN, "hashAlgo", "hashAlgorithmOID", needed=_with_key, free=_with_combined)


def _by_bearer(desk: Desk, face: str) -> Json:
    """The bearer is the authorization (rule R17); its credential signs with ECDSA."""
    return {
        "credentialID": desk.credential("P-256", "oauth2code", "2").credential_id, "hashes": [base64_of(DIGEST)],
        "signAlgo": ECDSA_SHA256,
    }  # fmt: skip


def _credential_token(desk: Desk, face: str) -> str:
    return desk.credential_token(face)


WAYS[_SIGN, "v2 SAD"] = Request(
    Situation(BODIES[_SIGN], send_json(_SIGN)), Situation(_by_bearer, send_json(_SIGN, token=_credential_token))
)


def _polled_by_client(desk: Desk, face: str) -> Json:
    """A client's own token may name the signer."""
    credential, token = desk.credential(), desk.client_token(face)
    body = {"credentialID": credential.credential_id, "numSignatures": 1} | desk.evidence(face, credential)
    sad = desk.post(face, _AUTHORIZE, body, token=token).members["SAD"]
    accepted = desk.post(face, _SIGN, asynchronous(desk, face) | {"SAD": sad}, token=token)
    return {"requestID": accepted.members["responseID"], "userID": desk.user.username}


conditional(_SIGN, "signAlgoParams", needed=_with_parameters, free=BODIES[_SIGN])
for _name in ("validity_period", "response_uri"):
    conditional(_SIGN, _name, needed=asynchronous, free=less(BODIES[_SIGN], "validity_period"))
WAYS["signatures/signPolling", "userID"] = Request(
    Situation(_polled_by_client, send_json("signatures/signPolling", token=_client_token))
)


# credentials/create and credentials/delete

_CREATE, _DELETE = "credentials/create", "credentials/delete"
_create_token = send_json(_CREATE, token=lambda desk, face: token_for(desk, face, _CREATE))
_delete_token = send_json(_DELETE, token=lambda desk, face: token_for(desk, face, _DELETE))


def _of_own_policy(desk: Desk, face: str) -> Json:
    return {"credentialCreationRequest": {"subjectData": {"sub": desk.user.username}}, "credentialInfo": True}


def _has_policy(answer: Answer) -> bool:
    """Whether the certificate was issued under the policy that was asked for."""
    certificate = x509.load_der_x509_certificate(base64.b64decode(answer.members["cert"]["certificates"][0]))
    try:
        (found,) = certificate.extensions.get_extension_for_class(x509.CertificatePolicies).value
    except x509.ExtensionNotFound:
        return False
    return found.policy_identifier.dotted_string == POLICY


def _without_revocation(desk: Desk, face: str) -> Json:
    return {"credentialDeletionRequest": {"credentialID": created(desk, face)}}


conditional(
    _CREATE, "credentialCreationRequest.certificatePolicy", needed=BODIES[_CREATE], free=_of_own_policy,
    send=_create_token, effect=_has_policy,
)  # fmt: skip
for _name in ("certificates", "certInfo", "authInfo"):
    conditional(
        _CREATE,
        _name,
        needed=BODIES[_CREATE],
        free=less(BODIES[_CREATE], _name, credentialInfo=False),
        send=_create_token,
    )


def _signers_token(desk: Desk, face: str) -> str:
    """A token that the signer gave to have a credential made of his own; it is good for one."""
    return desk.custody_token(face, "credential-creation")


WAYS[_CREATE, "credentialCreationRequest.subjectData"] = Request(
    Situation(BODIES[_CREATE], send_json(_CREATE, token=_signers_token))
)
conditional(
    _DELETE, "credentialDeletionRequest.revocationReason", needed=BODIES[_DELETE], free=_without_revocation,
    send=_delete_token,
)  # fmt: skip
