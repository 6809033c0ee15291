"""An OAuth 2.0 application and the signer's browser beside it, over HTTP alone.

The browser half knows no field name: it reads the forms of each page, recognises inputs by their type, their
`autocomplete` and the words in their names, and presses the button whose name or value means yes or no.
"""

import base64
import hashlib
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import requests

from integration.csc_client import TIMEOUT, Json
from integration.one_time_codes import codes_of_this_run
from integration.service import Client, Credential, User

MAX_PAGES = 12
YES = re.compile(
    r"approv|allow|accept|consent|agree|sign|confirm|continue|grant|log-?in|submit|yes|^ok$", re.IGNORECASE
)
NO = re.compile(r"refus|den(y|ied)|declin|reject|cancel|disapprov|^no$", re.IGNORECASE)


@dataclass
class Field:
    name: str
    kind: str
    value: str
    autocomplete: str
    checked: bool = True

    @property
    def role(self) -> str:
        """What a person would type here: username, password, pin, otp, or nothing."""
        name = self.name.lower()
        if self.kind in {"hidden", "submit", "checkbox", "radio"}:
            return ""
        if self.autocomplete == "one-time-code" or re.search(r"otp|one.?time|code", name):
            return "otp"
        if re.search(r"\bpin\b|_pin|pin_|^pin", name):
            return "pin"
        if self.autocomplete == "current-password" or "password" in name:
            return "password"
        if self.autocomplete == "username" or "user" in name:
            return "username"
        return ""


@dataclass
class Button:
    name: str
    value: str
    action: str
    label: str = ""

    def says(self, words: re.Pattern[str]) -> bool:
        return any(words.search(text) for text in (self.value, self.name, self.action.rsplit("/", 1)[-1]) if text)


@dataclass
class Form:
    action: str
    method: str
    fields: list[Field] = field(default_factory=list)
    buttons: list[Button] = field(default_factory=list)

    @property
    def roles(self) -> set[str]:
        return {entry.role for entry in self.fields} - {""}


class _FormReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.language = ""
        self._open: Form | None = None
        self._button: Button | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "html":
            self.language = values.get("lang", "")
        elif tag == "form":
            self._open = Form(values.get("action", ""), values.get("method", "get").lower())
            self.forms.append(self._open)
        elif self._open and tag == "button" and values.get("type", "submit") == "submit":
            self._button = Button(values.get("name", ""), values.get("value", ""), values.get("formaction", ""))
            self._open.buttons.append(self._button)
        elif self._open and tag == "input":
            self._read_input(self._open, values)

    def _read_input(self, form: Form, values: dict[str, str]) -> None:
        kind = values.get("type", "text").lower()
        if kind == "submit":
            form.buttons.append(Button(values.get("name", ""), values.get("value", ""), values.get("formaction", "")))
        elif values.get("name"):
            form.fields.append(
                Field(
                    values["name"], kind, values.get("value", ""), values.get("autocomplete", ""),
                    kind not in {"checkbox", "radio"} or "checked" in values,
                )
            )  # fmt: skip

    def handle_data(self, data: str) -> None:
        if self._button:
            self._button.label += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = None
        elif tag == "button":
            self._button = None


class Page:
    """One HTML page that a browser shows."""

    def __init__(self, response: requests.Response) -> None:
        assert response.headers["Content-Type"].partition(";")[0] == "text/html", response.text[:300]
        reader = _FormReader()
        reader.feed(response.text)
        self.response = response
        self.url = response.url
        self.text = response.text
        self.language = reader.language
        self.forms = reader.forms

    @property
    def roles(self) -> set[str]:
        return set().union(*(form.roles for form in self.forms)) if self.forms else set()

    @property
    def is_login(self) -> bool:
        return bool({"username", "password"} & self.roles)

    def find(self, *, approve: bool, roles: frozenset[str] = frozenset()) -> tuple[Form, Button]:
        """Return the form and button for a decision; a form with the fields to fill goes first."""
        posting = [form for form in self.forms if form.method == "post"]
        candidates = [(form, button) for form in posting for button in form.buttons]
        for form, button in sorted(candidates, key=lambda pair: -len(pair[0].roles & roles)):
            refuses = button.says(NO)
            if refuses is not approve and (refuses or button.says(YES) or len(form.buttons) == 1):
                return form, button
        raise AssertionError(f"no button to {'approve' if approve else 'refuse'} on {self.url}:\n{self.text[:3000]}")


class Browser:
    """A browser that follows redirects until one leads to the application."""

    def __init__(self, *, language: str = "en") -> None:
        self.http = requests.Session()
        self.http.trust_env = False
        self.http.headers["Accept-Language"] = language
        # Browsers count http on loopback as a secure context; so cookies with Secure are sent there.
        self.http.cookies.set_policy(DefaultCookiePolicy(secure_protocols=("http", "https")))
        self.statuses: list[int] = []

    def open(self, url: str, redirect_uri: str) -> Page | dict[str, str]:
        """Return the page behind a URL, or the parameters with which it sends the browser to the application."""
        return self._follow(self.http.get(url, allow_redirects=False, timeout=TIMEOUT), redirect_uri)

    def submit(
        self, page: Page, values: Mapping[str, str], redirect_uri: str, *, approve: bool = True
    ) -> Page | dict[str, str]:
        """Fill the fields of these roles, press the button and follow (see `open`)."""
        form, button = page.find(approve=approve, roles=frozenset(values))
        data = [(entry.name, values.get(entry.role, entry.value)) for entry in form.fields if entry.checked]
        if button.name:
            data.append((button.name, button.value))
        target = urljoin(page.url, button.action or form.action)
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(page.url))
        response = self.http.post(target, data=data, headers={"Origin": origin}, allow_redirects=False, timeout=TIMEOUT)
        if 300 <= response.status_code < 400:
            # OA-20: a form post is answered with 303, never with a status that repeats its body elsewhere.
            assert response.status_code == 303, f"{response.status_code} after a form post"
        return self._follow(response, redirect_uri)

    def _follow(self, response: requests.Response, redirect_uri: str) -> Page | dict[str, str]:
        for _ in range(MAX_PAGES):
            self.statuses.append(response.status_code)
            if not 300 <= response.status_code < 400:
                assert response.status_code < 500, response.text[:500]
                return Page(response)
            location = urljoin(response.url, response.headers["Location"])
            if is_at(location, redirect_uri):
                return answer_of(location)
            response = self.http.get(location, allow_redirects=False, timeout=TIMEOUT)
        raise AssertionError("redirects without end")


@dataclass(frozen=True)
class Grant:
    """What the application holds after the redirect: all it needs at the token endpoint."""

    answer: dict[str, str]
    redirect_uri: str
    verifier: str | None
    authorization_details: str | None = None

    @property
    def code(self) -> str:
        assert "code" in self.answer, self.answer
        return self.answer["code"]


class Application:
    """A registered client that sends its signer through the code flow of one API version."""

    def __init__(self, base_url: str, version: str, client: Client, *, redirect_uri: str | None = None) -> None:
        self.base_url = base_url
        self.version = version
        self.client = client
        self.redirect_uri = redirect_uri or client.redirect_uris[0]
        self.http = requests.Session()
        self.http.trust_env = False
        info = self.http.post(f"{base_url}/csc/{version}/info", json={}, timeout=TIMEOUT).json()
        self.oauth2 = f"{info['oauth2'].rstrip('/')}/oauth2"

    def authorization_url(self, parameters: Mapping[str, Any], *, verifier: str | None, state: str) -> str:
        query: dict[str, Any] = {
            "response_type": "code", "client_id": self.client.client_id, "redirect_uri": self.redirect_uri,
            "state": state, **parameters,
        }  # fmt: skip
        if verifier:
            query |= {"code_challenge": challenge_of(verifier), "code_challenge_method": "S256"}
        return f"{self.oauth2}/authorize?{urlencode(query)}"

    def ask(
        self, parameters: Mapping[str, Any], user: User, credential: Credential | None = None, *, approve: bool = True,
        pkce: bool = True, state: str | None = None, browser: Browser | None = None,
    ) -> Grant:  # fmt: skip
        """Send the signer through login and consent and return what comes back to the redirect URI."""
        browser = browser or Browser()
        verifier = secrets.token_urlsafe(48) if pkce else None
        sent_state = secrets.token_urlsafe(16) if state is None else state
        url = self.authorization_url(parameters, verifier=verifier, state=sent_state)
        step = browser.open(url, self.redirect_uri)
        for _ in range(MAX_PAGES):
            if isinstance(step, dict):
                break
            values = evidence_for(step, user, credential)
            step = browser.submit(
                step, values, self.redirect_uri, approve=approve or step.is_login or step.roles == {"otp"}
            )
        assert isinstance(step, dict), f"the pages never led back to the application:\n{step.text[:3000]}"
        # Every answer names its state and its issuer (RFC 6749, 4.1.2; RFC 9207, 2).
        assert step.get("state") == sent_state, step
        assert step.get("iss") == self.base_url, step
        details = parameters.get("authorization_details")
        return Grant(step, self.redirect_uri, verifier, details)

    def redeem(self, grant: Grant, **changes: str) -> requests.Response:
        """Redeem a code at the token endpoint; `changes` replace parameters."""
        data = {"grant_type": "authorization_code", "code": grant.code, "redirect_uri": grant.redirect_uri}
        if grant.verifier:
            data["code_verifier"] = grant.verifier
        if grant.authorization_details:
            data["authorization_details"] = grant.authorization_details
        return self.token(data | changes)

    def token(self, data: Mapping[str, str]) -> requests.Response:
        return self._form("token", data)

    def revoke(self, token: str, hint: str = "") -> requests.Response:
        return self._form("revoke", {"token": token} | ({"token_type_hint": hint} if hint else {}))

    def tokens(self, grant: Grant) -> Json:
        """Return the answer of a redemption that must succeed, checked for what clients rely on (interop A12)."""
        return checked_tokens(self.redeem(grant))

    def service_token(self, user: User) -> str:
        """Return an access token of scope service."""
        token = self.tokens(self.ask({"scope": "service"}, user))["access_token"]
        assert isinstance(token, str)
        return token

    def _form(self, endpoint: str, data: Mapping[str, str]) -> requests.Response:
        form = {"client_id": self.client.client_id, **data}
        # A fresh connection each time: several threads may redeem at once.
        with requests.Session() as http:
            http.trust_env = False
            auth = None if self.client.is_public else (self.client.client_id, self.client.client_secret or "")
            return http.post(f"{self.oauth2}/{endpoint}", data=form, auth=auth, timeout=TIMEOUT)


def checked_tokens(response: requests.Response) -> Json:
    """Return the members of a successful token answer."""
    assert response.status_code == 200, f"{response.status_code} {response.text[:500]}"
    assert response.headers["Content-Type"].partition(";")[0] == "application/json"
    assert "no-store" in response.headers["Cache-Control"]
    tokens = response.json()
    assert isinstance(tokens["access_token"], str)
    assert isinstance(tokens["token_type"], str)
    assert type(tokens["expires_in"]) is int
    assert isinstance(tokens, dict)
    return tokens


def evidence_for(page: Page, user: User, credential: Credential | None) -> dict[str, str]:
    """Return what this signer types on this page: the account's secrets at login, the credential's at consent."""
    # The credential's own factors are asked for at consent, the account's at login.
    secret = credential.totp_secret if credential and "pin" in page.roles else user.totp_secret
    values = {"username": user.username, "password": user.password, "pin": credential.pin if credential else ""}
    if "otp" in page.roles and secret:
        values["otp"] = codes_of_this_run.next(secret)
    return {role: values[role] for role in page.roles if role in values}


def credential_request(version: str, credential_id: str, digests: list[bytes], digest_oid: str) -> dict[str, Any]:
    """Return the parameters of scope credential: hashes are base64url in the query (CSC 1.0.4.0, 8.3.2)."""
    values = ",".join(base64.urlsafe_b64encode(digest).decode().rstrip("=") for digest in digests)
    request = {"scope": "credential", "credentialID": credential_id, "numSignatures": len(digests)}
    if version == "v1":
        return request | {"hash": values}
    return request | {"hashes": values, "hashAlgorithmOID": digest_oid}


def rich_request(credential_id: str, digests: list[bytes], digest_oid: str, **changes: Any) -> dict[str, Any]:
    """Return authorization_details of type credential (RFC 9396; CSC 2.x), without a scope beside them."""
    details = {
        "type": "credential",
        "credentialID": credential_id,
        "documentDigests": [
            {"hash": base64.b64encode(digest).decode(), "label": f"Document {number}"}
            for number, digest in enumerate(digests, 1)
        ],
        "hashAlgorithmOID": digest_oid,
    }
    return {"authorization_details": json.dumps([details | changes])}


def challenge_of(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def is_at(location: str, redirect_uri: str) -> bool:
    found, wanted = urlsplit(location), urlsplit(redirect_uri)
    return (found.scheme, found.netloc, found.path) == (wanted.scheme, wanted.netloc, wanted.path)


def answer_of(location: str) -> dict[str, str]:
    """Return the parameters of an authorization response; none may stand in the fragment or occur twice."""
    parts = urlsplit(location)
    assert not parts.fragment
    pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True)
    answer = dict(pairs)
    assert len(answer) == len(pairs)
    return answer
