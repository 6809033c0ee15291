"""An OAuth 2.0 client and the signer's browser against the web process, in one program: for unit tests."""

import base64
import hashlib
import html
import json
import re
from urllib.parse import parse_qsl, urlencode, urlsplit

from csc_server.storage.ports.web import ClientRow
from csc_server.values import ClientId, ClientProfile
from csc_server.web.authorization.clients import salted_secret
from fakes.web_application import BASE_URL, PASSWORD, SHA_256, WebApplication

REDIRECT = "https://client.example/cb"
NATIVE_REDIRECT = "http://127.0.0.1/cb"
SECRET = "s" * 43
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
PKCE = {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}
REQUEST = {"response_type": "code", "redirect_uri": REDIRECT, "state": "s t/a+te"} | PKCE
DIGESTS = [hashlib.sha256(bytes([number])).digest() for number in range(3)]
ALL_GRANTS = ("authorization_code", "refresh_token", "client_credentials")


def registered(client_id, profile=ClientProfile.CSC2, **changes):
    salt, digest = salted_secret(SECRET)
    fields = {
        "redirect_uris": (REDIRECT,),
        "grant_types": ALL_GRANTS,
        "scopes": ("service", "credential"),
        "auth_methods": ("client_secret_basic", "client_secret_post"),
        "secret_salt": salt,
        "secret_hash": digest,
    }
    return ClientRow(ClientId(client_id), f"Name of {client_id}", profile, **(fields | changes))


def details(digests=tuple(DIGESTS), **changes):
    entry = {
        "type": "credential",
        "credentialID": "oauth",
        "documentDigests": [
            {"hash": base64.b64encode(digest).decode(), "label": f"Letter {number}"}
            for number, digest in enumerate(digests, 1)
        ],
        "hashAlgorithmOID": SHA_256,
    }
    return json.dumps([entry | changes])


def basic_header(client_id="app", secret=SECRET):
    return {"Authorization": "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()}


class CodeFlow(WebApplication):
    """Clients `app` and `rival` (csc2), `classic` (csc1), `native` (public, csc2)."""

    def __init__(self, **settings):
        super().__init__(**settings)
        self.store.put_client(registered("app"))
        self.store.put_client(registered("rival"))
        self.store.put_client(registered("classic", ClientProfile.CSC1))
        public = {"secret_salt": b"", "secret_hash": b"", "auth_methods": ("none",)}
        self.store.put_client(registered("native", redirect_uris=(NATIVE_REDIRECT, "app.example:/cb"), **public))

    def get(self, address, **headers):
        return self.http.get(address, base_url=BASE_URL, headers=headers)

    def authorize(self, version="v2", **parameters):
        """Call oauth2/authorize; a parameter of None is left out, a tuple is repeated."""
        values = {"client_id": "app"} | REQUEST | parameters
        query = urlencode({name: value for name, value in values.items() if value is not None}, doseq=True)
        return self.get(f"{self.path(version, 'authorize')}?{query}")

    def push(self, version="v2", *, headers=None, **parameters):
        """Call oauth2/pushed_authorize; a parameter of None is left out."""
        values = REQUEST | parameters
        data = {name: value for name, value in values.items() if value is not None}
        return self.token(data, version, headers=headers, path="pushed_authorize")

    def path(self, version, endpoint):
        return f"/oauth2/{endpoint}" if version == "rfc" else f"/csc/{version}/oauth2/{endpoint}"

    def form_of(self, page):
        token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
        assert token, page.text
        return {"csrf_token": token[1]}

    def submit(self, address, step, values, *, origin=BASE_URL, **headers):
        sent = ({"Origin": origin} if origin else {}) | headers
        return self.http.post(f"{address}/{step}", data=values, base_url=BASE_URL, headers=sent)

    def log_in(self, address, **values):
        page = self.get(address)
        form = self.form_of(page) | {"decision": "login", "username": "alice", "password": PASSWORD}
        return self.submit(address, "login", form | values)

    def consent_page(self, version="v2", **parameters):
        """Return the address of an interaction that waits for consent, and its page."""
        answer = self.authorize(version, **parameters)
        assert answer.status_code == 302, answer.text
        address = urlsplit(answer.location).path
        assert address.startswith("/interaction/"), answer.location
        page = self.get(address)
        if "password" in page.text:
            assert self.log_in(address).status_code == 303
            page = self.get(address)
        return address, page

    def decide(self, address, page, decision="approve", **values):
        evidence = {"pin": "1234", "one_time_code": "123456"} if 'name="pin"' in page.text else {}
        return self.submit(address, "consent", self.form_of(page) | evidence | {"decision": decision} | values)

    def approve(self, version="v2", **parameters):
        """Go through the pages and return the parameters of the authorization response."""
        address, page = self.consent_page(version, **parameters)
        answer = self.decide(address, page)
        assert answer.status_code == 303, answer.text
        return answer_of(answer.location)

    def redeem(self, code, version="v2", *, client="app", headers=None, **changes):
        values = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": REDIRECT,
            "code_verifier": VERIFIER,
        }
        data = {name: value for name, value in (values | changes).items() if value is not None}
        return self.token(data, version, headers=basic_header(client) if headers is None else headers)

    def token(self, data, version="v2", *, headers=None, path="token", query=""):
        sent = basic_header() if headers is None else headers
        address = f"{self.path(version, path)}{query}"
        return self.http.post(address, data=data, base_url=BASE_URL, headers=sent)

    def asked(self, kind):
        """Return the messages of one kind that the signer process got."""
        return [request for request in self.activation.requests if isinstance(request, kind)]


def answer_of(location):
    return dict(parse_qsl(urlsplit(location).query, keep_blank_values=True))


def visible(page):
    """Return the text of a page without its markup."""
    return html.unescape(re.sub(r"<[^>]+>", " ", page.text))
