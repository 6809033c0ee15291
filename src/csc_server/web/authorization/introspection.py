"""oauth2/introspect: what a token stands for (RFC 7662; RFC 9396, 9.2; OA-19).

A client learns of its own tokens, a registered resource server of any. To everybody else, and for every token that
is not alive, the answer is that it is not active and nothing more.
"""

from typing import Any

from csc_server.storage.ports.web import TokenKind, TokenRow
from csc_server.web.authorization.client_authentication import find_client
from csc_server.web.authorization.clients import RegisteredClient
from csc_server.web.authorization.context import AuthorizationContext
from csc_server.web.authorization.dialect import Dialect, invalid_client
from csc_server.web.authorization.endpoint_request import EndpointRequest, authenticated_client
from csc_server.web.authorization.parameters import missing
from csc_server.web.authorization.refusals import known_client, strangers
from csc_server.web.authorization.secret_values import secret_hash
from csc_server.web.authorization.tokens import token_type

RESOURCE_SERVER = "introspect"
"""The entry among a client's scopes that lets it ask about the tokens of others; no token ever has this scope."""


def answer_introspection(context: AuthorizationContext, asked: EndpointRequest) -> dict[str, Any]:
    """Return the members of RFC 7662, 2.2.

    Raises:
        ProblemError: 401 `invalid_client`, also for a public client, which cannot prove anything (2.1); 400 without
            a token.
    """
    dialect = Dialect(asked.face)
    with dialect.spoken():
        with strangers(asked.method):
            client = authenticated_client(context, asked, dialect, lambda: None)
            if client.is_public:
                raise invalid_client()
        with known_client(context, asked.method, asked.face, client):
            return _describe(context, client, asked.parameters.get("token"))


def _describe(context: AuthorizationContext, client: RegisteredClient, token: str) -> dict[str, Any]:
    if not token:
        raise missing("token")
    row = context.store.token(secret_hash(token))
    if row is None or not _may_know(client, row) or not _is_alive(context, row):
        return {"active": False}
    return {"active": True, "iss": context.issuer} | _members(context, row)


def _may_know(client: RegisteredClient, row: TokenRow) -> bool:
    return row.client_id == client.row.client_id or RESOURCE_SERVER in client.row.scopes


def _is_alive(context: AuthorizationContext, row: TokenRow) -> bool:
    """Tell whether the token would open anything: nothing of a disabled client does."""
    if row.revoked_at or row.replaced_at or row.expires_at <= context.clock.seconds():
        return False
    return row.client_id is None or find_client(context.store, row.client_id) is not None


def _members(context: AuthorizationContext, row: TokenRow) -> dict[str, Any]:
    members: dict[str, Any] = {"scope": row.scope, "iat": row.issued_at, "exp": row.expires_at}
    if row.client_id is not None:
        members["client_id"] = row.client_id
    if row.signer_id is not None:
        members["sub"] = row.signer_id
    if row.kind is TokenKind.ACCESS:
        members["token_type"] = token_type(row.face, row.scope, row.confirmation)
    if row.confirmation:
        method, _, thumbprint = row.confirmation.partition(":")
        members["cnf"] = {method: thumbprint}
    details = context.store.granted_details(row.token_hash)
    if details is not None:
        members["authorization_details"] = [details]
    return members
