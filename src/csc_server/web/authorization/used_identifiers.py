"""Identifiers that a client makes up and may use once: `jti` of assertions and proofs (OA-11, OA-12)."""

import hashlib

from csc_server.web.authorization.context import AuthorizationContext

MAX_IDENTIFIER = 256


def is_identifier(value: str) -> bool:
    """Whether a `jti` has a length that we take; what stands in it is the client's affair."""
    return 0 < len(value) <= MAX_IDENTIFIER


def use_once(context: AuthorizationContext, purpose: str, owner: str, identifier: str, expires_at: int) -> bool:
    """Note an identifier as used; False when it was used before.

    Args:
        context: its store decides, so that all processes and nodes agree.
        purpose: `assertion` or `proof`.
        owner: the client, or the thumbprint of the key: two owners may use the same text.
        identifier: as the client sent it.
        expires_at: seconds since the epoch, after which what bore it is refused anyway.
    """
    digest = hashlib.sha256()
    for part in (purpose, owner, identifier):
        octets = part.encode("utf-8", "surrogatepass")
        digest.update(len(octets).to_bytes(4) + octets)
    return context.store.use_once(digest.digest(), expires_at)
