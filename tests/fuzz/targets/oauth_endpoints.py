"""The endpoints of the authorization server on all faces: forms, queries and JSON, never a 500 (RL-08, OA-17)."""

import base64
import json
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

from csc_server.web.authorization import details as details_reader
from fakes.code_flow import CHALLENGE, REDIRECT, SECRET, VERIFIER, CodeFlow, details
from fakes.web_application import DIGEST, SHA_256
from fuzz.application import Issuer, Web
from fuzz.source import Source

CLIENTS = ["app", "classic", "native", "rival", "nobody"]
ENDPOINTS = ["authorize", "pushed_authorize", "token", "revoke", "introspect"]
FACES = ["csc/v1/oauth2", "csc/v2/oauth2", "oauth2"]
VALUES = {
    "response_type": ["code", "token"], "redirect_uri": [REDIRECT, "https://foreign.example/"], "state": ["s"],
    "scope": ["service", "credential", "credential-creation", "openid"], "code_challenge": [CHALLENGE, "x"],
    "code_challenge_method": ["S256", "plain"], "credentialID": ["oauth"], "numSignatures": ["1", "0", "01", "9" * 30],
    "hash": [DIGEST, ",", f"{DIGEST},{DIGEST}"], "hashes": [DIGEST], "hashAlgorithmOID": [SHA_256, "1"],
    "authorization_details": [details(), "[]", "[{}]", "{"], "request_uri": ["urn:ietf:params:oauth:request_uri:x"],
    "signatureQualifier": ["eu_eidas_qes"], "account_token": ["a.b.c"], "lang": ["ja"], "description": ["x"],
    "grant_type": ["authorization_code", "refresh_token", "client_credentials", "password"], "code": ["x" * 43],
    "refresh_token": ["x" * 43], "code_verifier": [VERIFIER], "client_secret": [SECRET], "token": ["x" * 43],
    "token_type_hint": ["access_token", "refresh_token", "x"], "clientData": ["x"], "prompt": ["login"],
    "client_assertion": ["a.b.c"], "dpop_jkt": ["x"], "acr_values": ["x"], "resource": ["https://rs.example"],
}  # fmt: skip
NAMES = list(VALUES)
ASKED = {"scope": "service", "response_type": "code", "redirect_uri": REDIRECT, "code_challenge": CHALLENGE,
         "code_challenge_method": "S256", "grant_type": "client_credentials", "token": "x" * 43}  # fmt: skip
SEEDS = [bytes([number]) * 40 for number in range(16)] + [bytes(range(200))]
WORDS = [b"credential", b"request_uri", b"[{", b'"type"', b"\xff", b"%"]


class Flow(Web):
    def __init__(self) -> None:
        self.fake = CodeFlow(issuer=Issuer(), certificate_issuer=Path("issuer"), certificate_policies=("1.2.3",))


flow = Flow()


def run(data: bytes) -> None:
    source = Source(data)
    endpoint, face, client = source.choice(ENDPOINTS), source.choice(FACES), source.choice(CLIENTS)
    values = {"client_id": client} | {name: value for name, value in ASKED.items() if not source.chance(8)}
    for _ in range(source.below(5)):
        name = source.choice(NAMES)
        values[name] = source.text(40) if source.chance(4) else source.choice(VALUES[name])
    environment = {}
    if source.chance(2):
        environment["HTTP_AUTHORIZATION"] = "Basic " + base64.b64encode(f"{client}:{SECRET}".encode()).decode()
    if source.chance(8):
        environment["HTTP_DPOP"] = source.text(40).replace("\n", "")
    text = urlencode(values, errors="surrogatepass")
    if endpoint == "authorize" or source.chance(12):
        verb = "GET" if endpoint == "authorize" else "POST"
        response = flow.open(f"/{face}/{endpoint}?{text}", verb, b"", None, environment)
    else:
        media = "application/x-www-form-urlencoded"
        response = flow.open(f"/{face}/{endpoint}", "POST", text.encode(), media, environment)
    _judge(response, values)
    for kept in (flow.fake.store.audit, flow.fake.store.interactions, flow.fake.store.pushed_requests):
        kept.clear()


def plant() -> None:
    """An array without an entry is an error nobody expects."""
    details_reader._only_entry = lambda text: json.loads(text)[0]


def _judge(response, values) -> None:
    assert response.status_code in {200, 201, 204, 302, 303, 400, 401, 404, 405}, response.status_code
    if response.status_code in {302, 303}:
        target = urlsplit(response.headers["Location"])
        assert f"{target.scheme}://{target.netloc}{target.path}" == REDIRECT or target.path.startswith(
            "/interaction"
        ), target
        answer = dict(parse_qsl(target.query))
        assert "error" not in answer or answer["error"] != "server_error", answer
    elif response.status_code >= 400 and response.content_type.startswith("application/json"):
        assert isinstance(response.get_json()["error"], str)
        assert SECRET not in response.get_data(as_text=True)
