"""account_token: a client says for which account it asks (CSC 1.0.4.0, 8.3.1; 2.0.0.2, 8.4.1; decision 18).

Off for a client unless its registration has the key. Then every authorization request brings a token, and only the
signer it names can log in for it. It is the one place where HS256 is taken, and the key is the client's own.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from csc_server.errors import MalformedInputError
from csc_server.values import ClientId
from csc_server.web.authorization.clients import RegisteredClient
from csc_server.web.authorization.context import AuthorizationContext
from csc_server.web.authorization.parameters import invalid, missing
from csc_server.web.authorization.seed_key import SeedKey
from csc_server.web.authorization.signed_tokens import compact_parts
from csc_server.web.authorization.used_identifiers import is_identifier, use_once
from csc_server.wire import parse_json

MAX_TOKEN = 4096
"""Characters: it has four short claims."""
MAX_DEPTH = 4
MAX_AGE = 600
"""Seconds: as long as a signer may take to log in; its identifier is remembered for as long."""
MAX_ACCOUNT = 255


@dataclass(frozen=True)
class Account:
    """Whom a client asks for: a login name or a signer's id, as in `userID`; `token_id` is used up by the login."""

    account_id: str
    token_id: str
    issued_at: int

    def is_of(self, username: str, signer_id: str) -> bool:
        return self.account_id in {username, signer_id}


def sealed_key(seed_key: SeedKey, client_id: ClientId, secret: str) -> bytes:
    """Return what a registration holds for a client whose requests bring account tokens: SHA-256(secret), sealed."""
    return seed_key.seal(_owner(client_id), hashlib.sha256(secret.encode()).digest())


def _owner(client_id: ClientId) -> str:
    """Return the name that the key is sealed for; no account has a name with a NUL."""
    return f"\0account_token\0{client_id}"


def read_account(
    context: AuthorizationContext, client: RegisteredClient, parameters: Mapping[str, str]
) -> Account | None:
    """Return the account that a request is for, None where the client's registration asks for none.

    Raises:
        ProblemError: the token is missing, or not one that this client made a short while ago for itself.
    """
    sealed = client.row.account_token_key
    if sealed is None:
        return None
    text = parameters.get("account_token", "")
    if not text:
        raise missing("account_token")
    try:
        claims = _verified(_key(context, client.row.client_id, sealed), text)
    except MalformedInputError as error:
        raise invalid("account_token") from error
    account = _account(claims)
    now = context.clock.seconds()
    is_fresh = now - MAX_AGE <= account.issued_at <= now + context.settings.limits.clock_skew
    if claims.get("azp") != client.row.client_id or not is_fresh:
        raise invalid("account_token")
    return account


def use_account(context: AuthorizationContext, client_id: ClientId, account: Account) -> bool:
    """Use up the token behind an account; False when it was used before."""
    return use_once(context, "account", client_id, account.token_id, account.issued_at + MAX_AGE)


def _key(context: AuthorizationContext, client_id: ClientId, sealed: bytes) -> bytes:
    seed_key = context.seed_key
    key = seed_key.open(_owner(client_id), sealed) if seed_key is not None else None
    if key is None:
        raise MalformedInputError("the key of the client cannot be opened")
    return key


def _verified(key: bytes, text: str) -> dict[str, Any]:
    """Return the claims of a compact JWS with exactly this header, whose MAC is right (RFC 7515, 5.2)."""
    first, payload, mac = compact_parts(text, MAX_TOKEN)
    header = parse_json(first, max_depth=MAX_DEPTH)
    if header != {"typ": "JWT", "alg": "HS256"}:
        raise MalformedInputError("a header that is not allowed")
    expected_mac = hmac.digest(key, text.rpartition(".")[0].encode("ascii"), hashlib.sha256)
    if not hmac.compare_digest(expected_mac, mac):
        raise MalformedInputError("another MAC")
    claims = parse_json(payload, max_depth=MAX_DEPTH)
    if not isinstance(claims, dict):
        raise MalformedInputError("claims are an object")
    return claims


def _account(claims: dict[str, Any]) -> Account:
    account_id, token_id, issued_at = claims.get("sub"), claims.get("jti"), claims.get("iat")
    if not isinstance(account_id, str) or not 0 < len(account_id) <= MAX_ACCOUNT:
        raise invalid("account_token")
    if not isinstance(token_id, str) or not is_identifier(token_id) or type(issued_at) is not int:
        raise invalid("account_token")
    return Account(account_id, token_id, issued_at)
