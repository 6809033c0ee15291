"""How the request parameters of the OAuth 2.0 endpoints are tried."""

import json
import secrets
import time
from urllib.parse import urlencode

from client_keys import ClientKey, asserted, assertion_claims, proof, proof_claims
from integration.csc_client import SHA256
from rows.answers import Answer
from rows.bodies import POLICY
from rows.desk import HASH, Desk, Json, base64_of, base64url_of, digest
from rows.requests_of_rows import JWT_HEADER, Request, Send, Situation, encoded

AUTHORIZE, PUSHED, TOKEN, REVOKE = "oauth2/authorize", "oauth2/pushed_authorize", "oauth2/token", "oauth2/revoke"
ALL = "(all parameters of oauth2/authorize except request_uri)"
QUALIFIER = "eu_eidas_aes"
URI_TYPE = "https://cloudsignatureconsortium.org/2025/credential"
WAYS: dict[tuple[str, str], Request] = {}


# The authorization request


def _service(desk: Desk, face: str) -> Json:
    return {
        **desk.authorization_query(), "scope": "service", "lang": "en", "description": "Row", "clientData": "x",
        "acr_values": "urn:x",
    }  # fmt: skip


def _credential(desk: Desk, face: str) -> Json:
    credential = desk.credential("P-256", "oauth2code", "2")
    body = {
        **desk.authorization_query(), "scope": "credential", "credentialID": credential.credential_id,
        "numSignatures": "1", HASH[face]: base64url_of(digest()),
    }  # fmt: skip
    return body if face == "v1" else body | {"hashAlgorithmOID": SHA256}


def entry(desk: Desk) -> Json:
    """Return a complete entry of authorization_details (RFC 9396; CSC 2.x)."""
    return {
        "type": URI_TYPE,
        "credentialID": desk.credential("P-256", "oauth2code", "2").credential_id,
        "documentDigests": [
            {
                "hash": base64_of(digest()), "label": "Row", "hashType": "dtbsr", "signed_props": [],
                "circumstantialData": "eA==",
            }
        ],
        "hashAlgorithmOID": SHA256,
        "numSignatures": 1,
        "locations": [],
    }  # fmt: skip


def _qualified(desk: Desk, face: str) -> Json:
    """The server chooses the credential by the kind of signature."""
    body = {name: value for name, value in _credential(desk, face).items() if name != "credentialID"}
    return body | {"signatureQualifier": QUALIFIER}


def _rich_qualified(desk: Desk, face: str) -> Json:
    body = _rich(desk, face)
    (details,) = body["authorization_details"]
    del details["credentialID"]
    return body | {"authorization_details": [details | {"signatureQualifier": QUALIFIER}]}


def _rich(desk: Desk, face: str) -> Json:
    return {**desk.authorization_query(), "authorization_details": [entry(desk)]}


def _with_account(desk: Desk, face: str) -> Json:
    client = desk.account_client
    claims = {
        f"{JWT_HEADER}typ": "JWT", f"{JWT_HEADER}alg": "HS256", "sub": desk.user.username, "iat": int(time.time()),
        "jti": secrets.token_hex(8), "iss": "rows", "azp": client.client_id,
    }  # fmt: skip
    return {**_service(desk, face), "client_id": client.client_id, "account_token": claims}


def _service_of_csc1(desk: Desk, face: str) -> Json:
    """A client of profile csc1 with one redirect address may leave it out."""
    client = desk.seed.csc1
    return {**_service(desk, face), "client_id": client.client_id, "redirect_uri": client.redirect_uris[0]}


def _without_address(desk: Desk, face: str) -> Json:
    return {name: value for name, value in _service_of_csc1(desk, face).items() if name != "redirect_uri"}


def _send_query(desk: Desk, face: str, body: Json) -> Answer:
    return desk.authorize(face, encoded(desk, body))


def _by_reference(desk: Desk, face: str) -> Json:
    pushed = desk.form(face, "pushed_authorize", desk.authorization_query())
    return {"client_id": desk.client.client_id, "request_uri": pushed.members["request_uri"]}


def _send_to_signer(desk: Desk, face: str, body: Json) -> Answer:
    """Follow the signer's browser, who is logged in: what only the signer process knows is told on the way back."""
    desk.keep("logged in", face, make=lambda: desk.grant(face))
    url = f"{desk.base_url}/csc/{face}/oauth2/authorize?{urlencode(encoded(desk, body))}"
    step = desk.browser().open(url, desk.client.redirect_uris[0])
    return Answer(302, step) if isinstance(step, dict) else Answer(step.response.status_code)


_ASKED = Situation(_service, _send_query)
_ASKED_CREDENTIAL = Situation(_credential, _send_query)
_ASKED_RICH = Situation(_rich, _send_query)
for _name in (
    "response_type", "client_id", "scope", "state", "lang", "description", "clientData", "acr_values",
    "code_challenge", "code_challenge_method",
):  # fmt: skip
    WAYS[AUTHORIZE, _name] = Request(_ASKED)
for _name in ("credentialID", "numSignatures", "hashAlgorithmOID"):
    WAYS[AUTHORIZE, _name] = Request(_ASKED_CREDENTIAL, _ASKED)
WAYS[AUTHORIZE, "v1 redirect_uri"] = Request(Situation(_service_of_csc1, _send_query))
WAYS[AUTHORIZE, "v2 redirect_uri"] = Request(_ASKED, Situation(_without_address, _send_query))
WAYS[AUTHORIZE, "signatureQualifier"] = Request(Situation(_qualified, _send_query), _ASKED_CREDENTIAL)
for _name in ("hash", "hashes"):
    WAYS[AUTHORIZE, _name] = Request(Situation(_credential, _send_to_signer), _ASKED)
WAYS[AUTHORIZE, "request_uri"] = Request(Situation(_by_reference, _send_query), _ASKED)
WAYS[AUTHORIZE, "authorization_details"] = Request(_ASKED_RICH)
_RICH = "authorization_details[]"
for _name in (
    "type", "documentDigests", "documentDigests[].hash", "documentDigests[].label", "documentDigests[].hashType",
    "documentDigests[].signed_props", "documentDigests[].circumstantialData", "hashAlgorithmOID", "locations",
    "numSignatures",
):  # fmt: skip
    WAYS[AUTHORIZE, f"{_RICH}.{_name}"] = Request(_ASKED_RICH)


_ASKED_QUALIFIED = Situation(_rich_qualified, _send_query)
WAYS[AUTHORIZE, f"{_RICH}.credentialID"] = Request(_ASKED_RICH, _ASKED_QUALIFIED)
WAYS[AUTHORIZE, f"{_RICH}.signatureQualifier"] = Request(_ASKED_QUALIFIED, _ASKED_RICH)


def _creation(desk: Desk, face: str) -> Json:
    wanted = {"type": f"{URI_TYPE}-creation", "credentialCreationRequest": {"certificatePolicy": POLICY}}
    return {**desk.authorization_query(), "authorization_details": [wanted]}


WAYS[AUTHORIZE, f"{_RICH}.credentialCreationRequest"] = Request(Situation(_creation, _send_query), _ASKED_RICH)


# Pushed requests (RFC 9126)


def _push(desk: Desk, face: str, body: Json) -> Answer:
    query = body.get(ALL)
    return desk.form(face, "pushed_authorize", query if isinstance(query, dict) else {"text": str(query or "")})


WAYS[PUSHED, ALL] = Request(Situation(lambda desk, face: {ALL: desk.authorization_query()}, _push))


# The token endpoint: a code is spent by any try, so each gets a new one


def _send(endpoint: str, *, header: str | None = "") -> Send:
    def send(desk: Desk, face: str, body: Json) -> Answer:
        return desk.form(face, endpoint, encoded(desk, body), header=header)

    return send


def _code(desk: Desk, face: str) -> Json:
    return {**desk.code_form(desk.grant(face)), "clientData": "x"}


def _code_without_address(desk: Desk, face: str) -> Json:
    request = {"scope": "service", "redirect_uri": ""}
    grant = desk.application(face, desk.seed.csc1).ask(request, desk.user, pkce=False, browser=desk.browser())
    return {"grant_type": "authorization_code", "code": grant.code}


def _code_without_proof(desk: Desk, face: str) -> Json:
    client = desk.seed.csc1
    grant = desk.application(face, client).ask({"scope": "service"}, desk.user, pkce=False, browser=desk.browser())
    return {"grant_type": "authorization_code", "code": grant.code, "redirect_uri": grant.redirect_uri}


def _send_of_csc1(desk: Desk, face: str, body: Json) -> Answer:
    return desk.form(face, "token", encoded(desk, body), client=desk.seed.csc1)


def _rich_code(desk: Desk, face: str) -> Json:
    credential = desk.another_of_oauth()
    details = [entry(desk) | {"credentialID": credential.credential_id}]
    grant = desk.grant(face, {"authorization_details": json.dumps(details)}, credential)
    return {**desk.code_form(grant), "authorization_details": details}


def _alone(desk: Desk, face: str) -> Json:
    return {"grant_type": "client_credentials", "scope": "service"}


def _refresh(desk: Desk, face: str) -> Json:
    return {"grant_type": "refresh_token", "refresh_token": desk.tokens(face)["refresh_token"]}


def _alone_posted(desk: Desk, face: str) -> Json:
    client = desk.client
    return {**_alone(desk, face), "client_id": client.client_id, "client_secret": client.client_secret}


_CODE = Situation(_code, _send("token"), once=True)
_ALONE = Situation(_alone, _send("token"))
_POSTED = Situation(_alone_posted, _send("token", header=None))
WAYS[TOKEN, "grant_type"] = WAYS[TOKEN, "clientData"] = Request(_CODE)
WAYS[TOKEN, "scope"] = Request(_ALONE)
WAYS[TOKEN, "code"] = Request(_CODE, _ALONE)
WAYS[TOKEN, "refresh_token"] = Request(Situation(_refresh, _send("token")), _ALONE)
WAYS[TOKEN, "client_id"] = Request(_POSTED)
WAYS[TOKEN, "client_secret"] = Request(_POSTED, _ALONE)
WAYS[TOKEN, "redirect_uri"] = Request(_CODE, Situation(_code_without_address, _send_of_csc1, once=True))
WAYS[TOKEN, "code_verifier"] = Request(_CODE, Situation(_code_without_proof, _send_of_csc1, once=True))
WAYS[TOKEN, "authorization_details"] = Request(Situation(_rich_code, _send("token"), once=True))


# Assertions (RFC 7523) of a client whose tokens are bound to a key (RFC 9449)


def _asserted(desk: Desk, members: Json) -> Json:
    client = desk.seed.key_client("private_key_jwt")
    key = ClientKey.read(json.loads(client.key.read_text("utf-8")))
    return asserted(key.sign({}, assertion_claims(client.client_id, desk.base_url)), **members)


def _alone_asserted(desk: Desk, face: str) -> Json:
    return _asserted(desk, _alone(desk, face))


def _send_bound(endpoint: str) -> Send:
    def send(desk: Desk, face: str, body: Json) -> Answer:
        key = desk.keep("proof key", make=ClientKey.make)
        url = f"{desk.base_url}/csc/{face}/oauth2/{endpoint}"
        headers = {"DPoP": proof(key, proof_claims("POST", url))}
        return desk.form(face, endpoint, encoded(desk, body), header=None, headers=headers)

    return send


def _revocation_asserted(desk: Desk, face: str) -> Json:
    token = _send_bound("token")(desk, face, _alone_asserted(desk, face)).members["access_token"]
    return _asserted(desk, {"token": token})


for _name in ("client_assertion", "client_assertion_type"):
    WAYS[TOKEN, _name] = Request(Situation(_alone_asserted, _send_bound("token"), once=True), _ALONE)


# Revocation


def _revocation(desk: Desk, face: str) -> Json:
    token = desk.form(face, "token", {"grant_type": "client_credentials"}).members["access_token"]
    return {"token": token, "token_type_hint": "access_token", "clientData": "x"}


def _revocation_posted(desk: Desk, face: str) -> Json:
    client = desk.client
    return {**_revocation(desk, face), "client_id": client.client_id, "client_secret": client.client_secret}


_REVOKED = Situation(_revocation, _send("revoke"))
_REVOKED_POSTED = Situation(_revocation_posted, _send("revoke", header=None))
for _name in ("token", "token_type_hint", "clientData"):
    WAYS[REVOKE, _name] = Request(_REVOKED)
for _name in ("client_id", "client_secret"):
    WAYS[REVOKE, _name] = Request(_REVOKED_POSTED, _REVOKED)
for _name in ("client_assertion", "client_assertion_type"):
    WAYS[REVOKE, _name] = Request(Situation(_revocation_asserted, _send_bound("revoke"), once=True), _REVOKED)


# Account tokens (CSC 1.0.4.0, 8.3.1): of a client that is registered for them

for _name in ("", ".(JWT header) typ", ".(JWT header) alg", ".sub", ".iat", ".jti", ".iss", ".azp"):
    WAYS[AUTHORIZE, f"account_token{_name}"] = Request(Situation(_with_account, _send_query))
WAYS[AUTHORIZE, "account_token"] = Request(Situation(_with_account, _send_query), _ASKED)
