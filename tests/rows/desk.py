"""An application at its desk: requests to one server, and the states that they need, from base URL and seed alone."""

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any

import requests

from integration.code_flow import Application, Browser, Grant, challenge_of, credential_request
from integration.csc_client import SHA256, auth_data
from integration.modes import Mailbox, SignerPage
from integration.one_time_codes import codes_of_this_run
from integration.service import Client, Credential, Mode, Seed, User
from rows.answers import Answer, read_answer

Json = dict[str, Any]
TIMEOUT = 30
FRESH = 6.0
"""Seconds a SAD is used for, of the ten that it lives in these runs."""
EXPIRED = 11.0
"""Seconds after which a SAD of these runs has expired."""
REFRESH_EXPIRED = 61.0
RSA_SHA256 = "1.2.840.113549.1.1.11"
ECDSA_SHA256 = "1.2.840.10045.4.3.2"


def digest(label: str = "document") -> bytes:
    return hashlib.sha256(label.encode()).digest()


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


class MissingServerError(Exception):
    """The run has no server with this setting."""


def base64url_of(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


class Desk:
    """One server under test.

    Args:
        seed: clients, signers and credentials that the server has, and its base URL.
        other: returns the base URL of a server of the same data with another setting, by its name.
    """

    def __init__(self, seed: Seed, other: Callable[[str], str] | None = None) -> None:
        self.seed = seed
        self.base_url = seed.base_url
        self.other = other
        self.http = requests.Session()
        self.http.trust_env = False
        self.started = time.monotonic()
        self._turn = 0
        self._expired: dict[str, Answer] = {}
        self._expiring = threading.Thread(target=self._sign_after_expiry, daemon=True)
        self._kept: dict[tuple[str, ...], tuple[float, Any]] = {}

    def at(self, name: str) -> str:
        """Return the base URL of a server of the same data with another setting."""
        if self.other is None:
            raise MissingServerError(name)
        return self.other(name)

    def special(self, state: str) -> str:
        """Return the id of the seeded credential that is in this state."""
        return next(each.credential_id for each in self.seed.credentials if each.credential_id.endswith(state))

    def keep(self, *key: str, make: Callable[[], Any], seconds: float = 3000.0) -> Any:
        """Return what `make` made for this key not longer than `seconds` ago."""
        found = self._kept.get(key)
        if found is None or time.monotonic() - found[0] > seconds:
            found = (time.monotonic(), make())
            self._kept[key] = found
        return found[1]

    def forget(self, *key: str) -> None:
        self._kept.pop(key, None)

    # The methods of the API

    def post(
        self, face: str, method: str, body: Any = None, *, token: str | None = "", headers: Mapping[str, str] | None = None,
        data: bytes | None = None, verb: str = "POST", base_url: str = "",
    ) -> Answer:  # fmt: skip
        """Call a method; `token` is that of a login by default, None sends no header."""
        sent = {"Content-Type": "application/json", **(headers or {})}
        if token is not None and "Authorization" not in sent:
            sent["Authorization"] = f"Bearer {token or self.login_token(face)}"
        content = json.dumps({} if body is None else body).encode() if data is None else data
        url = f"{base_url or self.base_url}/csc/{face}/{method}"
        response = self.http.request(verb, url, data=content, headers=sent, timeout=TIMEOUT, allow_redirects=False)
        return read_answer(response)

    def login(self, face: str, body: Json | None = None, *, header: str | None = "") -> Answer:
        """Call auth/login as the first user; `header` None sends none."""
        if header == "":
            header = basic(self.user.username, self.user.password)
        headers = {} if header is None else {"Authorization": header}
        return self.post(face, "auth/login", body, token=None, headers=headers)

    @property
    def user(self) -> User:
        return self.seed.users[0]

    def login_token(self, face: str) -> str:
        return self.keep("login", face, make=lambda: self.login(face).members["access_token"])

    def new_login(self, face: str) -> Json:
        """Return the members of a fresh login that is to be remembered."""
        return dict(self.login(face, {"rememberMe": True}).members)

    def client_token(self, face: str) -> str:
        """Return a token of a client alone (RFC 6749, 4.4)."""
        return self.keep("client", face, make=lambda: self._client_token(face))

    def scope_token(self, face: str, scope: str) -> str:
        """Return a token of a client alone that may do one thing."""
        return self.keep("client", face, scope, make=lambda: self._client_token(face, scope))

    def _client_token(self, face: str, scope: str = "service") -> str:
        answer = self.form(face, "token", {"grant_type": "client_credentials", "scope": scope})
        return str(answer.members["access_token"])

    # Credentials and their SADs

    def credential(self, key: str = "RSA-2048", auth_mode: str = "explicit", scal: str = "1") -> Credential:
        return self.seed.choose(key=key, auth_mode=auth_mode, scal=scal)

    def evidence(self, face: str, credential: Credential) -> Json:
        """Return the members of authorize that prove the signer."""
        if face == "v2":
            return {"authData": auth_data(credential)}
        otp = {"OTP": codes_of_this_run.next(credential.totp_secret)} if credential.totp_secret else {}
        return {"PIN": credential.pin, **otp}

    def new_sad(self, face: str, credential: Credential, number: int = 500, **more: Any) -> str:
        body = {"credentialID": credential.credential_id, "numSignatures": number, **self.evidence(face, credential)}
        answer = self.post(face, "credentials/authorize", body | more)
        assert answer.status == 200, answer.body[:300]
        return str(answer.members["SAD"])

    def sad(self, face: str, credential: Credential | None = None) -> str:
        """Return a SAD for many signatures that still lives for some seconds."""
        which = credential or self.credential()
        return self.keep("SAD", face, which.credential_id, make=lambda: self.new_sad(face, which), seconds=FRESH)

    def another_of_oauth(self) -> Credential:
        """Return a credential authorized by OAuth 2.0, each time another: one-time codes of each are few."""
        credentials = self.seed.of_kind("oauth2code", "2")
        self._turn += 1
        return credentials[self._turn % len(credentials)]

    def old_sad(self, face: str) -> str:
        """Return a SAD that has expired; it was made when the run began."""
        made, sad = self.keep("old SAD", face, make=lambda: self._aging_sad(face))
        time.sleep(max(0.0, made + EXPIRED - time.monotonic()))
        return str(sad)

    def old_refresh_token(self, face: str) -> str:
        """Return a refresh token that has expired; it was made when the run began."""
        made, token = self.keep("old refresh token", face, make=lambda: self._aging_refresh_token(face))
        time.sleep(max(0.0, made + REFRESH_EXPIRED - time.monotonic()))
        return str(token)

    def _aging_refresh_token(self, face: str) -> tuple[float, str]:
        return time.monotonic(), str(self.tokens(face)["refresh_token"])

    def _aging_sad(self, face: str) -> tuple[float, str]:
        return time.monotonic(), self.new_sad(face, self.credential())

    def after_expiry(self, face: str) -> Answer:
        """Return what signHash answers when the certificate expired after the authorization."""
        self._expiring.join()
        return self._expired[face]

    def _sign_after_expiry(self) -> None:
        """Authorize shortly before the certificate expires, sign shortly after."""
        other = Desk(self.seed)
        name = {"credentialID": self.special("expired")}
        described = other.post("v1", "credentials/info", name | {"certInfo": True}, token=other.client_token("v1"))
        end = datetime.strptime(described.members["cert"]["validTo"], "%Y%m%d%H%M%S%z").timestamp()
        time.sleep(max(0.0, end - 6 - time.time()))
        authorized = {face: other.authorize_special(face, "expired") for face in ("v1", "v2")}
        time.sleep(max(0.0, end + 1.2 - time.time()))
        for face, sad in authorized.items():
            body = name | {"SAD": sad.members.get("SAD"), "signAlgo": ECDSA_SHA256, HASH[face]: [base64_of(digest())]}
            self._expired[face] = other.post(face, "signatures/signHash", body, token=other.client_token(face))

    def authorize_special(self, face: str, state: str) -> Answer:
        """Ask for an authorization of the seeded credential in this state, which is not the first user's."""
        credential = next(each for each in self.seed.credentials if each.credential_id.endswith(state))
        body = {"credentialID": credential.credential_id, "numSignatures": 1, **self.evidence(face, credential)}
        return self.post(face, "credentials/authorize", body, token=self.client_token(face))

    def prepare(self) -> None:
        """Make what has to grow old before a row can use it."""
        self._expiring.start()
        for face in ("v1", "v2"):
            self.keep("old SAD", face, make=partial(self._aging_sad, face))
            self.keep("old refresh token", face, make=partial(self._aging_refresh_token, face))

    def credential_token(self, face: str) -> str:
        """Return an access token of scope credential."""
        return self.keep("credential token", face, make=lambda: self._credential_token(face))

    def _credential_token(self, face: str) -> str:
        credential = self.credential("P-256", "oauth2code", "2")
        request = credential_request(face, credential.credential_id, [digest()], SHA256)
        answer = self.form(face, "token", self.code_form(self.grant(face, request, credential)))
        return str(answer.members["access_token"])

    # Credentials of other modes of authorization

    def mode(self, name: str) -> Mode:
        return self.seed.modes[name]

    def mailbox(self) -> Mailbox:
        return self.keep("mailbox", make=lambda: Mailbox(self.seed.outbox))

    def page(self) -> SignerPage:
        """Return the first user's browser on the page of requests that wait."""
        return self.keep("page", make=lambda: SignerPage(self.base_url, self.user))

    def ask_signer(self, face: str, name: str, description: str = "") -> Answer:
        """Ask for an authorization that the signer gives on a page."""
        body = {"credentialID": self.mode(name).credential_id, "numSignatures": 1, **hashes(face, digest())}
        if face == "v2":
            body["authData"] = self.objects(name)
        return self.post(face, "credentials/authorize", body | {"description": description or secrets.token_hex(8)})

    def objects(self, name: str) -> list[Json]:
        """Return the authentication objects of a credential by their ids, as for values that travel out of band."""
        body = {"credentialID": self.mode(name).credential_id, "authInfo": True}
        return [{"id": each["id"]} for each in self.post("v2", "credentials/info", body).members["auth"]["objects"]]

    def new_handle(self, description: str = "") -> str:
        return str(self.ask_signer("v2", "out-of-band", description).members["handle"])

    # OAuth 2.0

    @property
    def account_client(self) -> Client:
        assert self.seed.account_client is not None
        return self.seed.account_client

    @property
    def client(self) -> Client:
        return self.seed.csc2

    def form(
        self, face: str, endpoint: str, data: Mapping[str, str] | list[tuple[str, str]], *, client: Client | None = None,
        header: str | None = "", base_url: str = "", headers: Mapping[str, str] | None = None,
    ) -> Answer:  # fmt: skip
        """Post a form to an OAuth 2.0 endpoint; the client authenticates by Basic unless `header` says else."""
        who = client or self.client
        sent = {"Content-Type": "application/x-www-form-urlencoded", **(headers or {})}
        if header == "" and not who.is_public:
            header = basic(who.client_id, who.client_secret or "")
        if header:
            sent["Authorization"] = header
        url = f"{base_url or self.base_url}/csc/{face}/oauth2/{endpoint}"
        return read_answer(self.http.post(url, data=data, headers=sent, timeout=TIMEOUT, allow_redirects=False))

    def authorize(
        self, face: str, query: Mapping[str, str] | list[tuple[str, str]], *, base_url: str = "", redirect_uri: str = ""
    ) -> Answer:
        """Send an authorization request and return where it leads; the signer's pages are a success."""
        url = f"{base_url or self.base_url}/csc/{face}/oauth2/authorize"
        response = self.http.get(url, params=query, timeout=TIMEOUT, allow_redirects=False)
        return read_answer(response, redirect_uri or self.client.redirect_uris[0])

    def authorization_query(self, **more: str) -> dict[str, str]:
        """Return a complete request of scope service."""
        return {
            "response_type": "code", "client_id": self.client.client_id, "redirect_uri": self.client.redirect_uris[0],
            "state": "af0ifjsldkj", "code_challenge": challenge_of("v" * 43), "code_challenge_method": "S256", **more,
        }  # fmt: skip

    def application(self, face: str, client: Client | None = None) -> Application:
        who = client or self.client
        return self.keep("application", face, who.client_id, make=lambda: Application(self.base_url, face, who))

    def browser(self) -> Browser:
        """Return a browser in which the first user is logged in once it was used."""
        return self.keep("browser", make=Browser)

    def grant(
        self,
        face: str,
        parameters: Mapping[str, Any] | None = None,
        credential: Credential | None = None,
        *,
        approve: bool = True,
    ) -> Grant:
        """Return an authorization code, fresh from the signer's pages."""
        request = {"scope": "service"} if parameters is None else parameters
        return self.application(face).ask(request, self.user, credential, approve=approve, browser=self.browser())

    def code_form(self, grant: Grant) -> dict[str, str]:
        """Return the form that redeems a code."""
        form = {
            "grant_type": "authorization_code", "client_id": self.client.client_id, "code": grant.code,
            "redirect_uri": grant.redirect_uri, "code_verifier": grant.verifier or "",
        }  # fmt: skip
        return form | ({"authorization_details": grant.authorization_details} if grant.authorization_details else {})

    def custody_token(self, face: str, scope: str) -> str:
        """Return a token by which the first user lets a credential of his be made or destroyed."""
        grant = self.grant(face, {"scope": scope})
        return str(self.form(face, "token", self.code_form(grant)).members["access_token"])

    def tokens(self, face: str) -> Json:
        """Return the tokens of a fresh service grant."""
        answer = self.form(face, "token", self.code_form(self.grant(face)))
        assert answer.status == 200, answer.body[:300]
        return dict(answer.members)


def basic(name: str, secret: str) -> str:
    return "Basic " + base64_of(f"{name}:{secret}".encode())


def unknown_secret() -> str:
    """Return a value of the form of our tokens that was never given out."""
    return secrets.token_urlsafe(32)


HASH = {"v1": "hash", "v2": "hashes"}
HASH_ALGORITHM = {"v1": "hashAlgo", "v2": "hashAlgorithmOID"}


def hashes(face: str, *digests: bytes) -> Json:
    """Return the members that carry digests in authorize and extendTransaction."""
    members: Json = {HASH[face]: [base64_of(each) for each in digests]}
    return members | ({"hashAlgorithmOID": SHA256} if face == "v2" else {})
