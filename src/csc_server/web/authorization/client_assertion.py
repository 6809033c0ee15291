"""private_key_jwt: a client proves itself with a JWT that it signed (RFC 7521, 4.2; RFC 7523, 3; OA-11, OA-14)."""

from csc_server.errors import MalformedInputError, ProblemError
from csc_server.web.authorization.clients import PRIVATE_KEY_JWT, RegisteredClient
from csc_server.web.authorization.context import AuthorizationContext
from csc_server.web.authorization.public_keys import PublicKey, read_key_set
from csc_server.web.authorization.signed_tokens import SignedToken, read_signed_token, verify
from csc_server.web.authorization.used_identifiers import is_identifier, use_once

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
"""RFC 7523, 2.2."""

INVALID_ASSERTION = "Invalid client assertion"

_HEADER = ("alg", "typ", "kid")
_TYPES = frozenset({"", "jwt", "client-authentication+jwt"})
"""RFC 7519, 5.1, and what newer clients write. DPoP proofs and SADs have types of their own (RFC 8725, 3.11)."""


def read_assertion(text: str) -> SignedToken:
    """Return the parts of an assertion that nobody has verified yet.

    Raises:
        ProblemError: 401 `invalid_client` (RFC 7521, 4.2.1).
    """
    try:
        assertion = read_signed_token(text, _HEADER)
    except MalformedInputError as error:
        raise refused_assertion() from error
    kind = assertion.header.get("typ", "")
    if not isinstance(kind, str) or kind.lower().removeprefix("application/") not in _TYPES:
        raise refused_assertion("typ")
    return assertion


def refused_assertion(part: str = "") -> ProblemError:
    """Return the 401 for an assertion; `part` is the name of the member that is wrong."""
    return ProblemError(401, "invalid_client", f"{INVALID_ASSERTION}: {part}" if part else INVALID_ASSERTION)


def check_assertion(
    context: AuthorizationContext, client: RegisteredClient | None, assertion: SignedToken
) -> RegisteredClient:
    """Return the client if it made the assertion, for this service, now, and never used it before.

    The signature comes first: nothing is told of claims, and no identifier is stored, for somebody else.

    Raises:
        ProblemError: 401 `invalid_client`.
    """
    if client is None or not client.check_endpoint_auth_method(PRIVATE_KEY_JWT, "token"):
        raise refused_assertion()
    _check_signature(client, assertion)
    client_id = client.row.client_id
    for name, value in (("iss", client_id), ("sub", client_id), ("aud", context.issuer)):
        if assertion.claims.get(name) != value:
            raise refused_assertion(name)
    expires_at = _check_times(context, assertion)
    identifier = assertion.text_claim("jti")
    until = expires_at + context.settings.limits.clock_skew
    if not is_identifier(identifier) or not use_once(context, "assertion", client_id, identifier, until):
        raise refused_assertion("jti")
    return client


def _check_signature(client: RegisteredClient, assertion: SignedToken) -> None:
    """Verify with the registered key that the header names, or with any of them when it names none."""
    try:
        keys = _candidates(read_key_set(client.row.jwks), assertion)
    except MalformedInputError as error:
        raise refused_assertion() from error
    if not any(_is_signed_with(assertion, key) for key in keys):
        raise refused_assertion()


def _candidates(keys: tuple[PublicKey, ...], assertion: SignedToken) -> list[PublicKey]:
    named = assertion.header.get("kid")
    fitting = [key for key in keys if assertion.header["alg"] in key.algorithms]
    return fitting if named is None else [key for key in fitting if key.key_id == named]


def _is_signed_with(assertion: SignedToken, key: PublicKey) -> bool:
    try:
        verify(assertion, key)
    except MalformedInputError:
        return False
    return True


def _check_times(context: AuthorizationContext, assertion: SignedToken) -> int:
    """Return the end of the assertion; it is near, and nothing of it lies ahead beyond the allowed skew."""
    now, limits = context.clock.seconds(), context.settings.limits
    expires_at = assertion.time_claim("exp")
    if expires_at is None or not now < expires_at <= now + limits.assertion_lifetime + limits.clock_skew:
        raise refused_assertion("exp")
    for name in ("iat", "nbf"):
        if name in assertion.claims:
            at = assertion.time_claim(name)
            if at is None or at > now + limits.clock_skew:
                raise refused_assertion(name)
    return expires_at
