"""DPoP: a request shows that its sender holds a key (RFC 9449; OA-12)."""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from csc_server.errors import MalformedInputError
from csc_server.web.authorization.context import AuthorizationContext
from csc_server.web.authorization.public_keys import PublicKey, read_public_key
from csc_server.web.authorization.signed_tokens import SignedToken, read_signed_token, verify
from csc_server.web.authorization.used_identifiers import is_identifier, use_once
from csc_server.wire import encode_base64url

HEADER = "HTTP_DPOP"
"""The WSGI name of the header `DPoP`; two of them arrive joined by a comma, which no proof has."""

TYPE = "dpop+jwt"
_MEMBERS = ("alg", "typ", "jwk")
_DEFAULT_PORTS = {"https": 443, "http": 80}


def present_proof(environ: Mapping[str, Any]) -> str | None:
    """Return the DPoP header of a request, or None."""
    proof: str | None = environ.get(HEADER)
    return proof


def check_proof(
    context: AuthorizationContext, text: str, method: str, path: str, access_token: str = "", thumbprint: str = ""
) -> str:
    """Return the thumbprint of the key that made a proof (RFC 9449, 4.3 and 6.1).

    Args:
        context: clock, limits and store.
        text: the DPoP header.
        method: of the request.
        path: of the request; the rest of its address is the service's own, so no Host header has a say.
        access_token: that came with the proof; "" where none does, and then the proof must name none.
        thumbprint: of the only key that is expected; "" where any will do.

    Raises:
        MalformedInputError: the proof does not fit; its identifier is spent only when it does.
    """
    proof = read_signed_token(text, _MEMBERS)
    if proof.header.get("typ") != TYPE:
        raise MalformedInputError("typ")
    key = read_public_key(proof.header.get("jwk"))
    verify(proof, key)
    if thumbprint and not hmac.compare_digest(key.thumbprint.encode(), thumbprint.encode()):
        raise MalformedInputError("jwk")
    if proof.claims.get("htm") != method:
        raise MalformedInputError("htm")
    if not _is_target(proof.text_claim("htu"), context.issuer + path):
        raise MalformedInputError("htu")
    _check_token_hash(proof, access_token)
    _check_age_and_use(context, proof, key)
    return key.thumbprint


def _is_target(claimed: str, actual: str) -> bool:
    """Compare addresses without query and fragment, normalised as RFC 3986, 6.2.2 and 6.2.3 allow."""
    return _normal(claimed) == _normal(actual) is not None


def _normal(address: str) -> tuple[str, str, int | None, str] | None:
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return None
    if parts.username is not None or not parts.hostname:
        return None
    return parts.scheme, parts.hostname, port or _DEFAULT_PORTS.get(parts.scheme), parts.path or "/"


def _check_token_hash(proof: SignedToken, access_token: str) -> None:
    if not access_token:
        return
    expected = encode_base64url(hashlib.sha256(access_token.encode()).digest())
    if not hmac.compare_digest(proof.text_claim("ath").encode(), expected.encode()):
        raise MalformedInputError("ath")


def _check_age_and_use(context: AuthorizationContext, proof: SignedToken, key: PublicKey) -> None:
    now, limits = context.clock.seconds(), context.settings.limits
    issued_at = proof.time_claim("iat")
    if issued_at is None or not now - limits.proof_lifetime <= issued_at <= now + limits.clock_skew:
        raise MalformedInputError("iat")
    identifier = proof.text_claim("jti")
    until = issued_at + limits.proof_lifetime + limits.clock_skew
    if not is_identifier(identifier) or not use_once(context, "proof", key.thumbprint, identifier, until):
        raise MalformedInputError("jti")
