"""How each error of the OAuth 2.0 endpoints is brought about."""

import json
from collections.abc import Callable
from typing import Any

from integration.code_flow import credential_request
from integration.csc_client import SHA256
from rows.answers import Answer, read_answer
from rows.api_errors import way
from rows.desk import Desk, base64_of, basic, digest, unknown_secret

AUTHORIZE, PUSHED, TOKEN, REVOKE = "oauth2/authorize", "oauth2/pushed_authorize", "oauth2/token", "oauth2/revoke"
Form = dict[str, str]


# The authorization request


def asked(case: str, *methods: str, **changes: str) -> None:
    """Register a good authorization request with these parameters changed; an empty one is left out."""

    def send(desk: Desk, face: str, method: str) -> Answer:
        query = desk.authorization_query(**changes)
        return desk.authorize(face, {name: value for name, value in query.items() if value})

    way(case, *methods)(send)


asked("parameter missing", AUTHORIZE, response_type="")
asked("response type unknown", AUTHORIZE, "*", response_type="token")
asked("scope unknown", AUTHORIZE, "*", scope="openid")
asked("redirect address unknown", AUTHORIZE, redirect_uri="https://elsewhere.example/callback")
asked("details malformed", AUTHORIZE, authorization_details="[{")


@way("signer refuses", AUTHORIZE)
def _refused(desk: Desk, face: str, method: str) -> Answer:
    return Answer(302, desk.grant(face, approve=False).answer)


@way("unexpected condition", AUTHORIZE)
def _unexpected(desk: Desk, face: str, method: str) -> Answer:
    """The client's row holds a key of its account tokens that is none."""
    return desk.authorize(face, desk.authorization_query(account_token="a.b.c"), base_url=desk.at("damaged"))


@way("a part is away", AUTHORIZE)
def _away(desk: Desk, face: str, method: str) -> Answer:
    """2.x: what was pushed cannot be put before the signer. 1.0.4.0: the page lacks the signer process."""
    if face == "v2":
        pushed = desk.form(face, "pushed_authorize", desk.authorization_query())
        query = {"client_id": desk.client.client_id, "request_uri": str(pushed.members["request_uri"])}
        return desk.authorize(face, query, base_url=desk.at("no interactions"))
    desk.keep("logged in", face, make=lambda: desk.grant(face))
    credential = desk.credential("P-256", "oauth2code", "2")
    request = credential_request(face, credential.credential_id, [digest()], SHA256)
    url = f"{desk.at('no signer')}/csc/{face}/oauth2/authorize"
    query = desk.authorization_query() | {name: str(value) for name, value in request.items()}
    return read_answer(desk.browser().http.get(url, params=query, timeout=30), desk.client.redirect_uris[0])


def rich(desk: Desk) -> dict[str, Any]:
    """Return a complete entry of authorization_details (RFC 9396; CSC 2.x)."""
    return {
        "type": "credential",
        "credentialID": desk.credential("P-256", "oauth2code", "2").credential_id,
        "documentDigests": [{"hash": base64_of(digest()), "label": "Row"}],
        "hashAlgorithmOID": SHA256,
        "numSignatures": 1,
    }


def detailed(case: str, without: str, **changes: Any) -> None:
    """Register a request whose authorization_details lack a member."""

    def send(desk: Desk, face: str, method: str) -> Answer:
        entry = {name: value for name, value in (rich(desk) | changes).items() if name != without}
        return desk.authorize(face, desk.authorization_query(authorization_details=json.dumps([entry])))

    way(case, AUTHORIZE)(send)


detailed("details without type", "type")
detailed("details without credential", "credentialID")
detailed("details without documents", "documentDigests")
detailed("details without hash algorithm", "hashAlgorithmOID")
detailed("details without number", "numSignatures")
detailed("details without creation request", "", type="https://cloudsignatureconsortium.org/2025/credential-creation")


# Pushed requests (RFC 9126)


@way("parameter missing", PUSHED)
def _pushed_incomplete(desk: Desk, face: str, method: str) -> Answer:
    form = desk.authorization_query()
    del form["response_type"]
    return desk.form(face, "pushed_authorize", form)


@way("pushed address pushed", PUSHED)
def _pushed_address(desk: Desk, face: str, method: str) -> Answer:
    return desk.form(face, "pushed_authorize", desk.authorization_query(request_uri="urn:x"))


@way("client authentication failed", PUSHED)
def _pushed_by_nobody(desk: Desk, face: str, method: str) -> Answer:
    return desk.form(face, "pushed_authorize", desk.authorization_query(), header="Basic x")


# The token endpoint


def sent(
    case: str, endpoint: str, form: Callable[[Desk, str], Form], *, header: Callable[[Desk], str | None] | None = None
) -> None:
    """Register a form; the client authenticates by Basic unless `header` says else."""

    def send(desk: Desk, face: str, method: str) -> Answer:
        value = "" if header is None else header(desk)
        return desk.form(face, endpoint.removeprefix("oauth2/"), form(desk, face), header=value)

    way(case, endpoint)(send)


def _code(**more: str) -> Callable[[Desk, str], Form]:
    return lambda desk, face: {"grant_type": "authorization_code", "redirect_uri": desk.client.redirect_uris[0], **more}


def _refresh(**more: str) -> Callable[[Desk, str], Form]:
    return lambda desk, face: {"grant_type": "refresh_token", **more}


def _of_grant(**changes: str) -> Callable[[Desk, str], Form]:
    return lambda desk, face: desk.code_form(desk.grant(face)) | changes


def _nobody(desk: Desk) -> str | None:
    return None


sent("grant missing", TOKEN, lambda desk, face: {"clientData": "x"})
sent("grant unknown", TOKEN, lambda desk, face: {"grant_type": "password"})
sent("code missing", TOKEN, _code())
sent("code malformed", TOKEN, _code(code="*"))
sent("code unknown", TOKEN, _code(code=unknown_secret()))
sent("refresh token missing", TOKEN, _refresh())
sent("refresh token unknown", TOKEN, _refresh(refresh_token=unknown_secret()))
sent("redirect address differs", TOKEN, _of_grant(redirect_uri="http://127.0.0.1/other"))
sent("verifier wrong", TOKEN, _of_grant(code_verifier="w" * 43))
sent("client id missing", TOKEN, lambda desk, face: {"grant_type": "client_credentials"}, header=_nobody)


@way("refresh token expired", TOKEN)
def _refresh_expired(desk: Desk, face: str, method: str) -> Answer:
    return desk.form(face, "token", {"grant_type": "refresh_token", "refresh_token": desk.old_refresh_token(face)})


@way("details differ", TOKEN)
def _details_differ(desk: Desk, face: str, method: str) -> Answer:
    """The code is good for both requests of its row: the refused one comes first and spends it."""
    credential = desk.credential("P-384", "oauth2code", "2")
    entry = rich(desk) | {"credentialID": credential.credential_id}
    grant = desk.grant(face, {"authorization_details": json.dumps([entry])}, credential)
    other = json.dumps([entry | {"documentDigests": [{"hash": base64_of(digest("another")), "label": "Row"}]}])
    return desk.form(face, "token", desk.code_form(grant) | {"authorization_details": other})


# Client authentication at the token and revocation endpoints


def _token_form(desk: Desk, face: str) -> Form:
    return {"grant_type": "client_credentials"}


def _revoke_form(desk: Desk, face: str) -> Form:
    return {"token": unknown_secret()}


def _posted(form: Callable[[Desk, str], Form], **more: str) -> Callable[[Desk, str], Form]:
    return lambda desk, face: form(desk, face) | {"client_id": desk.client.client_id} | more


for _endpoint, _form in ((TOKEN, _token_form), (REVOKE, _revoke_form)):
    sent("client unknown", _endpoint, _form, header=lambda desk: basic("nobody", "x"))
    sent("secret wrong", _endpoint, _form, header=lambda desk: basic(desk.client.client_id, "x"))
    sent("no client authentication", _endpoint, _posted(_form), header=_nobody)

sent("client id missing", REVOKE, _revoke_form, header=_nobody)
sent("basic header malformed", REVOKE, _revoke_form, header=lambda desk: "Basic x")
sent("token missing", REVOKE, lambda desk, face: {"clientData": "x"})
sent("token hint invalid", REVOKE, lambda desk, face: {"token": "x", "token_type_hint": "id_token"})
sent("token unknown", REVOKE, _revoke_form)
sent("token kind not supported", REVOKE, lambda desk, face: {"token": desk.sad(face)})
