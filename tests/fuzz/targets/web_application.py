"""The whole web application over a signer of the test: whatever is asked, JSON comes back and never a 500 (RL-08)."""

import base64

from csc_server.values import ApiVersion
from csc_server.web.api.table import ENDPOINTS
from csc_server.web.http import params
from csc_server.web.operations.documents import read_document
from fakes.web_application import DIGEST, RSA_SHA_256, SHA_256
from fuzz.application import Web
from fuzz.source import Source

TOKENS = ["service", "old", "login", "client", "credential", "refresh", "nobody"]
VALUES = {
    "string": "a", "integer": 1, "boolean": True, "array": [], "object": {}, "credentialID": "pin",
    "hash": [DIGEST], "hashes": [DIGEST], "signAlgo": RSA_SHA_256, "hashAlgo": SHA_256, "hashAlgorithmOID": SHA_256,
    "authData": [{"id": "PIN", "value": "1234"}], "signAlgoParams": base64.b64encode(b"\x30\x00").decode(),
}  # fmt: skip
METHODS = [(endpoint.method, str(version)) for endpoint in ENDPOINTS for version in endpoint.versions]
SEEDS = [bytes([number]) + bytes(60) for number in range(len(METHODS))] + [bytes(range(120))]
WORDS = [b"credentialID", b"hashes", b"authData", b"SAD", b"null"]
web = Web()


def run(data: bytes) -> None:
    source = Source(data)
    method, version = source.choice(METHODS)
    body = source.json_text(TEMPLATES[method, version])
    header = {"HTTP_AUTHORIZATION": "Bearer " + web.fake.tokens.get(source.choice(TOKENS), "x" * 43)}
    response = web.post(method, version, body, header)
    assert response.status_code < 500 or response.status_code in {501, 503}, response.status_code
    if response.status_code not in {204, 302}:
        assert isinstance(response.get_json(), dict)
        assert len(response.data) < 20_000


def plant() -> None:
    """A hash that is no base64 is an error nobody expects."""
    params.decode_base64_any = lambda text: base64.b64decode(text, validate=True)


def _template(method: str, version: str):
    schema = read_document(ApiVersion(version))["paths"][f"/{method}"]["post"]["requestBody"]["content"]
    members = schema["application/json"]["schema"]["properties"]
    return {name: VALUES.get(name, VALUES[_kind(member)]) for name, member in members.items()}


def _kind(member) -> str:
    kind = member.get("type", "string")
    return kind[0] if isinstance(kind, list) else kind


TEMPLATES = {each: _template(*each) for each in METHODS}
