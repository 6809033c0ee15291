"""DPoP proofs: signed by the key they carry, for this request, now, and once (OA-12)."""

import base64
import hashlib
from urllib.parse import urlsplit

from csc_server.errors import MalformedInputError
from csc_server.web.authorization import proof_of_possession
from fakes.web_application import BASE_URL, NOW
from fuzz.keys import JWK, THUMBPRINT, is_signed, sign
from fuzz.parties import context
from fuzz.source import Source

PATH = "/csc/v2/credentials/list"
TOKEN = "t" * 43
HASH = base64.urlsafe_b64encode(hashlib.sha256(TOKEN.encode()).digest()).rstrip(b"=").decode()
HEADER = {"alg": "ES256", "typ": "dpop+jwt", "jwk": JWK}
CLAIMS = {"htm": "POST", "htu": BASE_URL + PATH, "ath": HASH, "iat": NOW, "jti": "1"}
SEEDS = [bytes(120), bytes(range(120)), b"\x05" * 60]
WORDS = [b"htm", b"htu", b"ath", b"#", b"?", b"//", b"@", b"d", b"crit"]
CONTEXT = context()


def run(data: bytes) -> None:
    text = Source(data).jws(HEADER, CLAIMS, sign)
    if not _is_taken(text):
        CONTEXT.store.used_identifiers.clear()
        return
    assert is_signed(text), "a signature that does not verify"
    claims = proof_of_possession.read_signed_token(text, ("alg", "typ", "jwk")).claims
    parts = urlsplit(claims["htu"])
    assert (parts.scheme, parts.hostname, parts.port, parts.path) == ("http", "127.0.0.1", 8080, PATH)
    assert claims["htm"] == "POST"
    assert claims["ath"] == HASH
    assert abs(claims["iat"] - NOW) <= 600
    assert not _is_taken(text), "a proof was taken twice"
    CONTEXT.store.used_identifiers.clear()


def plant() -> None:
    """An address that only begins like ours passes."""
    proof_of_possession._is_target = lambda claimed, actual: claimed.startswith(actual)


def _is_taken(text: str) -> bool:
    try:
        thumbprint = proof_of_possession.check_proof(CONTEXT, text, "POST", PATH, TOKEN, THUMBPRINT)
    except MalformedInputError:
        return False
    assert thumbprint == THUMBPRINT
    return True
