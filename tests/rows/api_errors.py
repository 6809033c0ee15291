"""How each error of the API's methods is brought about: one small function for a method and a case."""

import http.client
import json
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from rows.answers import Answer
from rows.bodies import DIGEST, body_of, token_for
from rows.desk import Desk, base64_of, basic, hashes, unknown_secret

Way = Callable[[Desk, str, str], Answer]
"""Gets desk, face and method; sends the request and returns the answer."""

ANY = "any method"
WAYS: dict[tuple[str, str], Way] = {}
PUBLIC_KEY = "1.2.840.113549.1.1.1"
SIGN_HASH, AUTHORIZE, EXTEND = "signatures/signHash", "credentials/authorize", "credentials/extendTransaction"
CHECK = "credentials/authorizeCheck"


def way(case: str, *methods: str) -> Callable[[Way], Way]:
    """Register how a case is brought about at these methods, or at all that name no other way."""

    def register(function: Way) -> Way:
        for method in methods or (ANY,):
            WAYS[method, case] = function
        return function

    return register


def changed(case: str, *methods: str, **members: Any) -> None:
    """Register a good body with these members changed; None leaves one out."""

    def send(desk: Desk, face: str, method: str) -> Answer:
        body = body_of(desk, face, method) | members
        kept = {name: value for name, value in body.items() if value is not None}
        return desk.post(face, method, kept, token=token_for(desk, face, method))

    way(case, *methods)(send)


changed("client data no string", clientData=1)
changed("credential id missing", credentialID=None)
changed("credential unknown", credentialID="nobody's")
changed("certificates invalid", certificates="Chain", credentialInfo=True)
changed("SAD missing", SAD=None)
changed("SAD invalid", SAD="x.y.z")
changed("number below one", AUTHORIZE, numSignatures=0)
changed("number missing", AUTHORIZE, numSignatures=True)
changed("number too high", AUTHORIZE, numSignatures=1001, hash=None, hashes=None)
changed("PIN no string", AUTHORIZE, PIN=1234)
changed("PIN missing", AUTHORIZE, PIN=None, authData=[])
changed("OTP no string", AUTHORIZE, OTP=123456)
changed("authData malformed", AUTHORIZE, authData=[{"id": "PIN", "value": 1}])
changed("operation mode invalid", SIGN_HASH, operationMode="B")
changed("sign algorithm missing", SIGN_HASH, signAlgo=None)
changed("sign algorithm invalid", SIGN_HASH, signAlgo="1.2.840.10045.4.3.2")
changed("sign parameters missing", SIGN_HASH, signAlgo="1.2.840.113549.1.1.10", hashAlgo=None, hashAlgorithmOID=None)
changed("sign parameters no base64", SIGN_HASH, signAlgoParams="MDmg*")
changed("page token invalid", "credentials/list", pageToken="eHh4")
changed("user id not allowed", userID="alice")
changed("token missing", "auth/revoke", token=None)
changed("token hint invalid", "auth/revoke", token_type_hint="id_token")
changed("token unknown", "auth/revoke", token=unknown_secret())


changed("creation request missing", "credentials/create", credentialCreationRequest=None)
changed("credential id missing", "credentials/delete", credentialDeletionRequest=None)
changed("credential unknown", "credentials/delete", credentialDeletionRequest={"credentialID": "nobody's"})


# Who asks


@way("no bearer header")
def _no_header(desk: Desk, face: str, method: str) -> Answer:
    body = {} if method in {"credentials/list", "*"} else body_of(desk, face, method)
    return desk.post(face, method, body, token=None, headers={"Authorization": "Bearer"})


@way("unknown token")
def _unknown_token(desk: Desk, face: str, method: str) -> Answer:
    return desk.post(face, "credentials/list", token=unknown_secret())


@way("expired token")
def _expired_token(desk: Desk, face: str, method: str) -> Answer:
    token = desk.new_login(face)["access_token"]
    desk.post(face, "auth/revoke", {"token": token})
    return desk.post(face, "credentials/list", token=token)


@way("token of another scope", "credentials/create", "credentials/delete")
def _no_custody(desk: Desk, face: str, method: str) -> Answer:
    return desk.post(face, method, {})


@way("token of another scope")
def _other_scope(desk: Desk, face: str, method: str) -> Answer:
    return desk.post(face, "credentials/list", token=desk.scope_token(face, "credential-creation"))


@way("user id invalid")
def _user_id(desk: Desk, face: str, method: str) -> Answer:
    return desk.post(face, method, body_of(desk, face, method) | {"userID": 1}, token=desk.client_token(face))


@way("request malformed")
def _malformed(desk: Desk, face: str, method: str) -> Answer:
    query = {"grant_type": "client_credentials"}
    return desk.form(face, "token", [*query.items(), *query.items()])


@way("signer refuses", "*")
def _refused(desk: Desk, face: str, method: str) -> Answer:
    """1.0.4.0's authorize waits while the signer refuses; on 2.x the next authorizeCheck tells."""
    description = f"refused on {face}"
    if face == "v2":
        handle = desk.new_handle(description)
        desk.page().refuse(description)
        return desk.post(face, CHECK, {"handle": handle})
    page = desk.page()
    signer = threading.Thread(target=page.refuse, args=(description,))
    signer.start()
    answer = desk.ask_signer(face, "implicit", description)
    signer.join()
    return answer


# What is at fault with the service itself


@way("unexpected condition")
def _unexpected(desk: Desk, face: str, method: str) -> Answer:
    return desk.post(face, "credentials/list", base_url=desk.at("damaged"))


@way("a part is away")
def _away(desk: Desk, face: str, method: str) -> Answer:
    return desk.post(face, "credentials/list", base_url=desk.at("no signer"))


@way("too many requests")
def _too_many(desk: Desk, face: str, method: str) -> Answer:
    for _ in range(40):
        answer = desk.post(
            face, "auth/login", token=None, headers={"Authorization": basic("x", "y")}, base_url=desk.at("narrow")
        )
        if answer.status == 429:
            break
    return answer


@way("method not offered")
def _not_offered(desk: Desk, face: str, method: str) -> Answer:
    return desk.post(face, "signatures/timestamp", {}, base_url=desk.at("bare"))


# Out-of-band approvals, challenges, codes that are sent

changed("handle missing", CHECK, handle=None)
changed("handle unknown", CHECK, handle=unknown_secret())
changed("authentication object missing", "credentials/getChallenge", authObjectID=None)
changed("authentication object unknown", "credentials/getChallenge", authObjectID="PIN")


@way("authentication data wrong", CHECK)
def _wrong_on_page(desk: Desk, face: str, method: str) -> Answer:
    return _wrong_answers(desk, face, 3)


@way("credential locked", CHECK)
def _locked_on_page(desk: Desk, face: str, method: str) -> Answer:
    for _ in range(3):
        answer = _wrong_answers(desk, face, 3)
        if "locked" in answer.description:
            break
    return answer


def _wrong_answers(desk: Desk, face: str, number: int) -> Answer:
    """Let the signer approve with a wrong PIN until the request ends."""
    description = f"wrong PIN {time.monotonic()}"
    handle, page = desk.new_handle(description), desk.page()
    path, shown = page.find(description)
    values = {"decision": "approve", "pin": "00000000", "one_time_code": "000000"}
    for _ in range(number):
        found = page.post(path, shown, values)
        shown = found if "csrf_token" in found.text else shown
    return desk.post(face, CHECK, {"handle": handle})


@way("OTP locked", "credentials/sendOTP")
def _code_locked(desk: Desk, face: str, method: str) -> Answer:
    """A code that was sent is tried too often; then none is sent any more."""
    mode = desk.mode("pin-online-otp")
    name = {"credentialID": mode.credential_id}
    body = {**name, "numSignatures": 1, **hashes("v1", DIGEST), "PIN": mode.pin, "OTP": "000000"}
    for _ in range(6):
        answer = desk.post(face, method, name)
        if answer.is_refusal:
            break
        desk.post("v1", AUTHORIZE, body)
    return answer


# The form of a request


@way("unknown path")
def _unknown_path(desk: Desk, face: str, method: str) -> Answer:
    return desk.post(face, "signatures/signhash")


@way("wrong verb")
def _wrong_verb(desk: Desk, face: str, method: str) -> Answer:
    return desk.post(face, SIGN_HASH, verb="PUT")


@way("body too large")
def _too_large(desk: Desk, face: str, method: str) -> Answer:
    """The length is announced and the answer read before anything of the body was sent."""
    connection = http.client.HTTPConnection(urlsplit(desk.base_url).netloc, timeout=30)
    connection.putrequest("POST", f"/csc/{face}/{SIGN_HASH}")
    for name, value in {
        "Authorization": f"Bearer {desk.login_token(face)}", "Content-Type": "application/json", "Content-Length": "1100000",
    }.items():  # fmt: skip
        connection.putheader(name, value)
    connection.endheaders()
    response = connection.getresponse()
    return Answer(response.status, json.loads(response.read()))


@way("another media type")
def _media_type(desk: Desk, face: str, method: str) -> Answer:
    return desk.post(face, SIGN_HASH, {}, headers={"Content-Type": "text/plain"})


@way("body is no JSON object")
def _no_object(desk: Desk, face: str, method: str) -> Answer:
    return desk.post(face, SIGN_HASH, data=b"[]")


# auth/login


@way("no basic header")
def _no_basic(desk: Desk, face: str, method: str) -> Answer:
    return desk.login(face, header="Digest x")


@way("no name and password")
def _no_pair(desk: Desk, face: str, method: str) -> Answer:
    return desk.login(face, header=f"Basic {base64_of(b'nocolon')}")


@way("refresh token no string", "auth/login")
def _refresh_no_string(desk: Desk, face: str, method: str) -> Answer:
    return desk.login(face, {"refresh_token": 1}, header=None)


@way("refresh token unknown", "auth/login")
def _refresh_unknown(desk: Desk, face: str, method: str) -> Answer:
    return desk.login(face, {"refresh_token": unknown_secret()}, header=None)


@way("login failed")
def _login_failed(desk: Desk, face: str, method: str) -> Answer:
    return desk.login(face, header=basic(desk.user.username, "wrong"))


# Factors and the state of a credential


@way("wrong PIN", AUTHORIZE)
@way("authentication data wrong", AUTHORIZE)
def _wrong_pin(desk: Desk, face: str, method: str) -> Answer:
    return desk.post(face, method, body_of(desk, face, method) | pin_members(face, "00000000"))


def pin_members(face: str, pin: str) -> dict[str, Any]:
    return {"PIN": pin} if face == "v1" else {"authData": [{"id": "PIN", "value": pin}]}


@way("wrong OTP", AUTHORIZE, SIGN_HASH)
def _wrong_otp(desk: Desk, face: str, method: str) -> Answer:
    """At signHash too the answer is that of authorize: without a right code there is no SAD to sign with."""
    credential = desk.credential("P-384", scal="2")
    evidence = (
        {"PIN": credential.pin, "OTP": "000000"}
        if face == "v1"
        else {"authData": [{"id": "PIN", "value": credential.pin}, {"id": "OTP", "value": "000000"}]}
    )
    body = {"credentialID": credential.credential_id, "numSignatures": 1, **hashes(face, DIGEST)}
    return desk.post(face, AUTHORIZE, body | evidence)


@way("PIN locked", AUTHORIZE)
@way("credential locked", AUTHORIZE)
def _pin_locked(desk: Desk, face: str, method: str) -> Answer:
    credential = desk.credential("P-384")
    body = {"credentialID": credential.credential_id, "numSignatures": 1}
    return _until_locked(desk, face, body | pin_members(face, "00000000"))


@way("OTP locked", AUTHORIZE)
def _otp_locked(desk: Desk, face: str, method: str) -> Answer:
    credential = desk.credential("RSA-3072", scal="2")
    body = {"credentialID": credential.credential_id, "numSignatures": 1, **hashes(face, DIGEST)}
    return _until_locked(desk, face, body | {"PIN": credential.pin, "OTP": "000000"})


def _until_locked(desk: Desk, face: str, body: dict[str, Any]) -> Answer:
    for _ in range(6):
        answer = desk.post(face, AUTHORIZE, body)
        if "locked" in answer.description:
            break
    return answer


@way("credential disabled", AUTHORIZE)
def _disabled(desk: Desk, face: str, method: str) -> Answer:
    return desk.authorize_special(face, "disabled")


@way("certificate expired", SIGN_HASH)
def _certificate_expired(desk: Desk, face: str, method: str) -> Answer:
    return desk.after_expiry(face)


@way("credential of OAuth 2.0", AUTHORIZE)
def _of_oauth(desk: Desk, face: str, method: str) -> Answer:
    other = desk.credential("P-256", "oauth2code", "2").credential_id
    return desk.post(face, method, body_of(desk, face, method) | {"credentialID": other})
