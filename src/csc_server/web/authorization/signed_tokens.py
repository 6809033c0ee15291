"""Compact JWS from clients: assertions and DPoP proofs (RFC 7515, 7.1; RFC 8725).

Read by `wire` first, so that header and claims are strict JSON in canonical base64url; the signature is
joserfc's. The accepted algorithms stand in the call itself (OA-14).
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError, UnsupportedAlgorithmError
from joserfc.jws import JWSRegistry

from csc_server.errors import MalformedInputError
from csc_server.web.authorization.public_keys import PublicKey
from csc_server.wire import decode_base64url, parse_json

ALGORITHMS = ("PS256", "ES256", "Ed25519", "EdDSA")
"""OA-14; FAPI 2.0 Security Profile, 5.4. `EdDSA` means Ed25519 (RFC 8037), since no other OKP key is read."""

MAX_TOKEN = 8192
"""Characters: a proof with an RSA-4096 key has about 2,000."""
MAX_DEPTH = 8

_COMPACT = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")


@dataclass(frozen=True)
class SignedToken:
    """A JWS whose parts were read and whose signature nobody has verified yet."""

    text: str
    header: dict[str, Any]
    claims: dict[str, Any]

    def __repr__(self) -> str:
        return "SignedToken(...)"

    def text_claim(self, name: str) -> str:
        """Return a claim that is a string, or "" when it is absent or of another type."""
        value = self.claims.get(name)
        return value if isinstance(value, str) else ""

    def time_claim(self, name: str) -> int | None:
        """Return a NumericDate in whole seconds (RFC 7519, 2), None when it is absent or no number."""
        value = self.claims.get(name)
        return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


class _Registry(JWSRegistry):
    """joserfc's registry with room for a key in the header, and exactly the algorithms of OA-14."""

    max_header_length = MAX_TOKEN

    def get_alg(self, name: str) -> Any:  # noqa: ANN401 joserfc exports no name for its type
        if name not in ALGORITHMS:
            raise UnsupportedAlgorithmError("not allowed")
        return self.algorithms[name]


_REGISTRY = _Registry(algorithms=ALGORITHMS)


def compact_parts(text: str, longest: int) -> tuple[bytes, bytes, bytes]:
    """Return header, payload and signature of a compact JWS as octets (RFC 7515, 7.1).

    Raises:
        MalformedInputError: another form, or more than `longest` characters.
    """
    match = _COMPACT.fullmatch(text) if len(text) <= longest else None
    if match is None:
        raise MalformedInputError("not a compact JWS")
    return decode_base64url(match[1]), decode_base64url(match[2]), decode_base64url(match[3])


def read_signed_token(text: str, header_members: Collection[str]) -> SignedToken:
    """Return the parts of a compact JWS.

    Args:
        text: as it came.
        header_members: names that its header may have; another one, `crit` with them, is refused, since
            ignoring it could change what is verified (RFC 7515, 4.1.11; RFC 8725, 3.10).

    Raises:
        MalformedInputError: not a compact JWS, or its algorithm is not one of ours.
    """
    first, second, _ = compact_parts(text, MAX_TOKEN)
    header, claims = (parse_json(part, max_depth=MAX_DEPTH) for part in (first, second))
    if not isinstance(header, dict) or not isinstance(claims, dict):
        raise MalformedInputError("header and claims are objects")
    if header.get("alg") not in ALGORITHMS or not set(header) <= set(header_members):
        raise MalformedInputError("a header that is not allowed")
    return SignedToken(text, header, claims)


def verify(token: SignedToken, key: PublicKey) -> None:
    """Verify the signature with a key whose type fits the algorithm (RFC 8725, 3.1).

    Raises:
        MalformedInputError: it does not verify.
    """
    if token.header["alg"] not in key.algorithms:
        raise MalformedInputError("a key for another algorithm")
    try:
        jws.deserialize_compact(token.text, key.key, algorithms=ALGORITHMS, registry=_REGISTRY)
    except (JoseError, ValueError, TypeError) as error:
        raise MalformedInputError("the signature does not verify") from error
