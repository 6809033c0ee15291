"""A complete, good body for each method of the API: every parameter of its table that applies stands in it."""

from collections.abc import Callable

from integration.csc_client import SHA256
from integration.service import Credential
from rows.desk import HASH, HASH_ALGORITHM, RSA_SHA256, Desk, Json, base64_of, digest, hashes

Body = Callable[[Desk, str], Json]

DIGEST = digest()


def _info(desk: Desk, face: str) -> Json:
    return {"lang": "en-GB"}


def _login(desk: Desk, face: str) -> Json:
    return {"rememberMe": True, "clientData": "x"}


def _revoke(desk: Desk, face: str) -> Json:
    return {"token": desk.new_login(face)["refresh_token"], "token_type_hint": "refresh_token", "clientData": "x"}


def _list(desk: Desk, face: str) -> Json:
    if face == "v1":
        return {"maxResults": 3, "clientData": "x"}
    return {
        "credentialInfo": True, "certificates": "chain", "certInfo": True, "authInfo": True, "onlyValid": True,
        "lang": "en", "clientData": "x",
    }  # fmt: skip


def _credential_info(desk: Desk, face: str) -> Json:
    return {
        "credentialID": desk.credential().credential_id, "certificates": "chain", "certInfo": True, "authInfo": True,
        "lang": "en", "clientData": "x",
    }  # fmt: skip


def _authorize(desk: Desk, face: str) -> Json:
    credential = desk.credential()
    body = {"credentialID": credential.credential_id, "numSignatures": 2, "description": "Row", "clientData": "x"}
    return body | hashes(face, DIGEST) | desk.evidence(face, credential)


def _extend(desk: Desk, face: str) -> Json:
    """The SAD of this body is its own: an extension ends it."""
    credential = desk.credential()
    sad = desk.new_sad(face, credential, 5)
    return {"credentialID": credential.credential_id, "SAD": sad, "clientData": "x"} | hashes(face, DIGEST)


def _sign_hash(desk: Desk, face: str) -> Json:
    body = {
        "credentialID": desk.credential().credential_id, "SAD": desk.sad(face), HASH[face]: [base64_of(DIGEST)],
        "signAlgo": RSA_SHA256, HASH_ALGORITHM[face]: SHA256, "clientData": "x",
    }  # fmt: skip
    return body if face == "v1" else body | {"operationMode": "S", "validity_period": 1000}


def asynchronous(desk: Desk, face: str) -> Json:
    """Return a body of signHash in mode A."""
    more = {"operationMode": "A", "validity_period": 60_000}
    return _sign_hash(desk, face) | more | ({"response_uri": desk.seed.response_uri} if desk.seed.response_uri else {})


def new_request_id(desk: Desk, face: str, credential: Credential | None = None, number: int = 1) -> str:
    """Return the responseID of a request that was accepted just now."""
    which = credential or desk.credential()
    body = asynchronous(desk, face) | {"credentialID": which.credential_id, "SAD": desk.sad(face, which)}
    answer = desk.post(face, "signatures/signHash", body | {HASH[face]: [base64_of(DIGEST)] * number})
    return str(answer.members["responseID"])


def _polling(desk: Desk, face: str) -> Json:
    return {"requestID": desk.keep("requestID", face, make=lambda: new_request_id(desk, face)), "clientData": "x"}


def _timestamp(desk: Desk, face: str) -> Json:
    return {"hash": base64_of(DIGEST), "hashAlgo": SHA256, "nonce": "0badc0de0badc0de", "clientData": "x"}


def _check(desk: Desk, face: str) -> Json:
    return {"handle": desk.keep("handle", make=desk.new_handle)}


def _challenge(desk: Desk, face: str) -> Json:
    return {"credentialID": desk.mode("key").credential_id, "authObjectID": "KEY"}


def _send_otp(desk: Desk, face: str) -> Json:
    return {"credentialID": desk.mode("online-otp").credential_id, "clientData": "x"}


CREATION, DELETION = "credential-creation", "credential-deletion"
POLICY = "1.3.6.1.4.1.55738.666.1"
"""The certificate policy that the development server's issuer knows."""


def _create(desk: Desk, face: str) -> Json:
    request = {"certificatePolicy": POLICY, "subjectData": {"sub": desk.user.username}}
    shown = {"credentialInfo": True, "certificates": "chain", "certInfo": True, "authInfo": True, "lang": "en"}
    return {"credentialCreationRequest": request, **shown, "clientData": "x"}


def created(desk: Desk, face: str) -> str:
    """Return the id of a credential that was made just now."""
    token = desk.scope_token(face, CREATION)
    return str(desk.post(face, "credentials/create", _create(desk, face), token=token).members["credentialID"])


def _delete(desk: Desk, face: str) -> Json:
    request = {"credentialID": created(desk, face), "revoke": True, "revocationReason": 5}
    return {"credentialDeletionRequest": request, "clientData": "x"}


BODIES: dict[str, Body] = {
    "info": _info,
    "auth/login": _login,
    "auth/revoke": _revoke,
    "credentials/list": _list,
    "credentials/info": _credential_info,
    "credentials/authorize": _authorize,
    "credentials/authorizeCheck": _check,
    "credentials/getChallenge": _challenge,
    "credentials/create": _create,
    "credentials/delete": _delete,
    "credentials/sendOTP": _send_otp,
    "credentials/extendTransaction": _extend,
    "signatures/signHash": _sign_hash,
    "signatures/signPolling": _polling,
    "signatures/timestamp": _timestamp,
}


def body_of(desk: Desk, face: str, method: str) -> Json:
    return BODIES[method](desk, face)


def token_for(desk: Desk, face: str, method: str) -> str:
    """Return the token that a method takes: that of a login, but for those with a scope of their own."""
    scope = {"credentials/create": CREATION, "credentials/delete": DELETION}.get(method)
    return desk.scope_token(face, scope) if scope else desk.login_token(face)
