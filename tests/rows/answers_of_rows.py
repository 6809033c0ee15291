"""The answers that judge a member of an answer: those it must stand in, and those it must not."""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from integration.code_flow import credential_request, rich_request
from integration.csc_client import SHA256
from rows.answers import Answer
from rows.bodies import asynchronous, body_of, new_request_id, token_for
from rows.desk import Desk, digest
from rows.requests_of_rows import split

Make = Callable[[Desk, str], Answer]

SIGN_HASH = "signatures/signHash"
ANSWERS: dict[str, dict[str, Make]] = {}
"""Successful answers of each method by the name of the situation they come from."""

WHERE: dict[tuple[str, str], tuple[tuple[str, ...], tuple[str, ...]]] = {}
"""For members that depend on the situation: where they stand, and where they do not."""


def answer(method: str, *names: str) -> Callable[[Make], Make]:
    """Register how an answer of a method comes about."""

    def register(make: Make) -> Make:
        for name in names:
            ANSWERS.setdefault(method, {})[name] = make
        return make

    return register


def depends(method: str, *parameters: str, there: Iterable[str], missing: Iterable[str]) -> None:
    """Register in which situations members stand and in which they do not."""
    for parameter in parameters:
        WHERE[method, parameter] = (tuple(there), tuple(missing))


def holders(members: Mapping[str, Any], parameter: str) -> list[Mapping[str, Any]]:
    """Return the objects of an answer in which the member has its place."""
    found: list[Any] = [members]
    for step in split(parameter)[:-1]:
        inner = [each[step] for each in found if step in each]
        found = [entry for value in inner for entry in (value if isinstance(value, list) else [value])]
    return found


def _called(method: str, **changes: Any) -> Make:
    """Return a call with the method's complete body, changed."""

    def make(desk: Desk, face: str) -> Answer:
        body = body_of(desk, face, method) | changes
        kept = {name: value for name, value in body.items() if value is not None}
        return desk.post(face, method, kept, token=token_for(desk, face, method))

    return make


# info, auth/login, auth/revoke


@answer("info", "info")
def _info(desk: Desk, face: str) -> Answer:
    return desk.post(face, "info", token=None)


def _info_of(name: str) -> Make:
    return lambda desk, face: desk.post(face, "info", token=None, base_url=desk.at(name))


for _name in ("issuer", "servers"):
    answer("info", _name)(_info_of(_name))
depends("info", "v2 oauth2", there=["info"], missing=["issuer", "servers"])
depends("info", "oauth2Issuer", there=["issuer"], missing=["info", "servers"])
depends("info", "oauth2Servers", there=["servers"], missing=["info", "issuer"])
depends("info", "supportsRar", there=["info", "issuer"], missing=["servers"])


@answer("auth/login", "plain")
def _login(desk: Desk, face: str) -> Answer:
    return desk.login(face)


@answer("auth/login", "remembered")
def _remembered(desk: Desk, face: str) -> Answer:
    return desk.login(face, {"rememberMe": True})


answer("auth/revoke", "revoked")(_called("auth/revoke"))
depends("auth/login", "refresh_token", there=["remembered"], missing=["plain"])


# credentials/list


@answer("credentials/list", "ids")
def _ids(desk: Desk, face: str) -> Answer:
    return desk.post(face, "credentials/list")


@answer("credentials/list", "page")
def _page(desk: Desk, face: str) -> Answer:
    return desk.post(face, "credentials/list", {"maxResults": 2})


def _entry(key: str, auth_mode: str, scal: str, **filters: Any) -> Make:
    """Return the list with the entry of one credential alone, so that a situation is of one kind."""

    def make(desk: Desk, face: str) -> Answer:
        wanted = desk.credential(key, auth_mode, scal).credential_id
        listed = desk.post(face, "credentials/list", {"credentialInfo": True, **filters})
        entries = [each for each in listed.members.get("credentialInfos", []) if each["credentialID"] == wanted]
        return Answer(listed.status, {**listed.members, "credentialInfos": entries}, listed.headers, listed.body)

    return make


def _described(key: str, auth_mode: str, scal: str, **filters: Any) -> Make:
    def make(desk: Desk, face: str) -> Answer:
        credential = desk.credential(key, auth_mode, scal)
        return desk.post(face, "credentials/info", {"credentialID": credential.credential_id, **filters})

    return make


EVERYTHING = {"certificates": "chain", "certInfo": True, "authInfo": True}
KINDS: dict[str, tuple[tuple[str, str, str], dict[str, Any]]] = {
    "curve": (("P-256", "explicit", "2"), EVERYTHING),
    "rsa": (("RSA-2048", "explicit", "2"), EVERYTHING),
    "pin alone": (("P-384", "explicit", "1"), EVERYTHING),
    "oauth": (("P-256", "oauth2code", "2"), EVERYTHING),
    "plain": (("P-256", "explicit", "2"), {}),
    "bare": (("P-256", "explicit", "2"), {"certificates": "none"}),
}
"""Credentials and filters in which the members of a description differ."""

for _name, (_kind, _filters) in KINDS.items():
    answer("credentials/info", _name)(_described(*_kind, **_filters))
    answer("credentials/list", _name)(_entry(*_kind, **_filters))
answer("credentials/list", "usable")(_entry("P-256", "explicit", "2", onlyValid=True))


@answer("credentials/info", "expired")
def _expired_info(desk: Desk, face: str) -> Answer:
    desk.after_expiry(face)
    name = {"credentialID": desk.special("expired")}
    return desk.post(face, "credentials/info", name, token=desk.client_token(face))


@answer("credentials/list", "expired")
def _expired_entry(desk: Desk, face: str) -> Answer:
    desk.after_expiry(face)
    body = {"userID": desk.seed.users[1].username, "credentialInfo": True}
    listed = desk.post(face, "credentials/list", body, token=desk.client_token(face))
    entries = [e for e in listed.members.get("credentialInfos", []) if e["credentialID"] == desk.special("expired")]
    return Answer(listed.status, {**listed.members, "credentialInfos": entries}, listed.headers, listed.body)


LATE_ANSWERS = frozenset({"expired"})
"""Answers that something has to grow old for; only members that are registered for them are looked for there."""

_EXPLICIT = ("curve", "rsa")
_UNTOLD = ("plain", "bare")
_V1_GROUPS = ("presence", "format", "label", "description", "type", "ID", "provider")
_TEXTS = ("issuerDN", "serialNumber", "subjectDN", "validFrom", "validTo")


def _of_both(parameter: str, there: Iterable[str], missing: Iterable[str]) -> None:
    """Register a member of a description for credentials/info and for the entries of credentials/list."""
    depends("credentials/info", parameter, there=there, missing=missing)
    depends("credentials/list", f"credentialInfos[].{parameter}", there=there, missing=missing)


_of_both("cert.status", ("expired",), ("curve", "oauth"))
_of_both("key.curve", ("curve", "pin alone"), ("rsa",))
_of_both("cert.certificates", ("curve", "plain"), ("bare",))
for _name in _TEXTS:
    _of_both(f"cert.{_name}", ("curve", "oauth"), _UNTOLD)
_of_both("auth.expression", _EXPLICIT, ("oauth", "plain"))
for _group in ("PIN", "OTP"):
    depends("credentials/info", _group, there=_EXPLICIT, missing=("oauth", "plain"))
for _name in _V1_GROUPS:
    depends("credentials/info", f"PIN.{_name}", there=(*_EXPLICIT, "pin alone"), missing=("oauth", "plain"))
    depends("credentials/info", f"OTP.{_name}", there=_EXPLICIT, missing=("pin alone", "oauth", "plain"))
depends("credentials/info", "OTP.presence", there=(*_EXPLICIT, "pin alone"), missing=("oauth", "plain"))
depends("credentials/list", "credentialInfos", there=("curve",), missing=("ids",))
depends("credentials/list", "nextPageToken", there=("page",), missing=("ids",))
depends("credentials/list", "onlyValid", there=("usable",), missing=("ids",))


answer("credentials/create", "described")(_called("credentials/create"))
answer("credentials/create", "named")(_called("credentials/create", credentialInfo=None))
answer("credentials/delete", "deleted")(_called("credentials/delete"))
depends("credentials/create", "(CredentialInfo members)", there=["described"], missing=["named"])


# credentials/authorize, credentials/extendTransaction, signatures/signHash

for _method in ("credentials/authorize", "credentials/extendTransaction", "signatures/signHash"):
    answer(_method, "200")(_called(_method))


@answer("credentials/authorize", "202")
def _waiting(desk: Desk, face: str) -> Answer:
    """Only 2.x answers before the signer has."""
    return desk.ask_signer(face, "out-of-band") if face == "v2" else _called("credentials/authorize")(desk, face)


@answer("credentials/authorizeCheck", "202")
def _still_waiting(desk: Desk, face: str) -> Answer:
    return desk.post(face, "credentials/authorizeCheck", {"handle": desk.new_handle()})


@answer("credentials/authorizeCheck", "200")
def _approved_on_page(desk: Desk, face: str) -> Answer:
    description = "approved"
    handle = desk.new_handle(description)
    desk.page().approve(description, desk.mode("out-of-band"))
    return desk.post(face, "credentials/authorizeCheck", {"handle": handle})


for _method in ("credentials/authorize", "credentials/authorizeCheck"):
    for _name in ("v2 SAD", "v2 expiresIn"):
        depends(_method, _name, there=["200"], missing=["202"])
    depends(_method, "handle", there=["202"], missing=["200"])
answer("credentials/getChallenge", "shown")(_called("credentials/getChallenge"))


@answer("credentials/getChallenge", "sent")
def _challenge_sent(desk: Desk, face: str) -> Answer:
    body = {"credentialID": desk.mode("online-otp").credential_id, "authObjectID": "ONLINE_OTP"}
    return desk.post(face, "credentials/getChallenge", body)


depends("credentials/getChallenge", "challenge", there=["shown"], missing=["sent"])
answer("credentials/sendOTP", "sent")(_called("credentials/sendOTP"))


@answer("signatures/signHash", "accepted")
def _accepted(desk: Desk, face: str) -> Answer:
    """Mode A is 2.x's alone."""
    return desk.post(
        face, "signatures/signHash", asynchronous(desk, face) if face == "v2" else body_of(desk, face, SIGN_HASH)
    )


@answer("signatures/signPolling", "done")
def _polled(desk: Desk, face: str) -> Answer:
    request_id, deadline = new_request_id(desk, face), time.monotonic() + 20
    while time.monotonic() < deadline:
        found = desk.post(face, "signatures/signPolling", {"requestID": request_id})
        if found.status != 202:
            break
    return found


depends("signatures/signHash", "v2 signatures", there=["200"], missing=["accepted"])
depends("signatures/signHash", "responseID", there=["accepted"], missing=["200"])
answer("signatures/timestamp", "stamped")(_called("signatures/timestamp"))


# oauth2/authorize: what comes back to the application


@answer("oauth2/authorize", "approved")
def _approved(desk: Desk, face: str) -> Answer:
    return Answer(302, desk.grant(face).answer)


@answer("oauth2/authorize", "refused")
def _refused(desk: Desk, face: str) -> Answer:
    return Answer(302, desk.grant(face, approve=False).answer)


@answer("oauth2/authorize", "without state")
def _without_state(desk: Desk, face: str) -> Answer:
    query = desk.authorization_query(response_type="token")
    return desk.authorize(face, {name: value for name, value in query.items() if name != "state"})


depends("oauth2/authorize", "code", there=("approved",), missing=("refused", "without state"))
depends("oauth2/authorize", "state", there=("approved", "refused"), missing=("without state",))
for _name in ("error", "error_description"):
    depends("oauth2/authorize", _name, there=("refused", "without state"), missing=("approved",))


# oauth2/pushed_authorize, oauth2/token, oauth2/revoke


@answer("oauth2/pushed_authorize", "pushed")
def _pushed(desk: Desk, face: str) -> Answer:
    return desk.form(face, "pushed_authorize", desk.authorization_query())


@answer("oauth2/token", "service")
def _service(desk: Desk, face: str) -> Answer:
    return desk.form(face, "token", desk.code_form(desk.grant(face)))


@answer("oauth2/token", "alone")
def _alone(desk: Desk, face: str) -> Answer:
    return desk.form(face, "token", {"grant_type": "client_credentials"})


@answer("oauth2/token", "credential")
def _credential(desk: Desk, face: str) -> Answer:
    credential = desk.another_of_oauth()
    request = credential_request(face, credential.credential_id, [digest()], SHA256)
    return desk.form(face, "token", desk.code_form(desk.grant(face, request, credential)))


@answer("oauth2/token", "details")
def _details(desk: Desk, face: str) -> Answer:
    if face == "v1":
        return _credential(desk, face)
    credential = desk.another_of_oauth()
    request = rich_request(credential.credential_id, [digest()], SHA256)
    return desk.form(face, "token", desk.code_form(desk.grant(face, request, credential)))


@answer("oauth2/revoke", "revoked")
def _revoked(desk: Desk, face: str) -> Answer:
    token = str(_alone(desk, face).members["access_token"])
    return desk.form(face, "revoke", {"token": token})


depends("oauth2/token", "refresh_token", there=("service",), missing=("alone", "credential"))
depends("oauth2/token", "authorization_details", there=("details",), missing=("service", "credential"))
depends("oauth2/token", "credentialID", there=("credential",), missing=("service", "alone"))
