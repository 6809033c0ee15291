"""Client assertions: only the client's own, for this service, now, and once (OA-11, OA-14)."""

from csc_server.errors import ProblemError
from csc_server.web.authorization import client_assertion
from fakes.web_application import BASE_URL, NOW
from fuzz.keys import is_signed, sign
from fuzz.parties import assertion_client, context
from fuzz.source import Source

HEADER = {"alg": "ES256", "typ": "JWT", "kid": "k"}
CLAIMS = {
    "iss": "asserting", "sub": "asserting", "aud": BASE_URL, "exp": NOW + 60, "iat": NOW, "nbf": NOW, "jti": "1",
}  # fmt: skip
SEEDS = [bytes(120), bytes(range(120)), b"\x05" * 60, b"\x00" * 30 + b"\x05\x00\x00"]
WORDS = [b"none", b"HS256", b"crit", b"jku", b"x5u", b"jwk", b"aud", b"exp"]
CONTEXT = context()
CLIENT = assertion_client("asserting")


def run(data: bytes) -> None:
    text = Source(data).jws(HEADER, CLAIMS, sign)
    if not _is_taken(text):
        CONTEXT.store.used_identifiers.clear()
        return
    assert is_signed(text), "a signature that does not verify"
    claims = client_assertion.read_assertion(text).claims
    assert claims["iss"] == claims["sub"] == "asserting"
    assert claims["aud"] == BASE_URL
    assert NOW < claims["exp"] <= NOW + 600
    assert not _is_taken(text), "an assertion was taken twice"
    CONTEXT.store.used_identifiers.clear()


def plant() -> None:
    """The signature is only looked at when its key is named."""
    real = client_assertion._is_signed_with
    client_assertion._is_signed_with = lambda assertion, key: "kid" not in assertion.header or real(assertion, key)


def _is_taken(text: str) -> bool:
    try:
        assertion = client_assertion.read_assertion(text)
        client_assertion.check_assertion(CONTEXT, CLIENT, assertion)
    except ProblemError as problem:
        assert (problem.status, problem.error) == (401, "invalid_client")
        assert len(problem.description) < 64
        return False
    return True
