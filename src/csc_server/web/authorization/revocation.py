"""oauth2/revoke and the core of auth/revoke (RFC 7009; CSC 1.0.4.0, 8.3.4 and 11.3)."""

from csc_server.activation.messages import VoidApproval
from csc_server.audit.events import Event, Outcome
from csc_server.errors import ProblemError
from csc_server.storage.ports.web import TokenKind, TokenRow
from csc_server.web.authorization.clients import RegisteredClient
from csc_server.web.authorization.context import AuthorizationContext, caller
from csc_server.web.authorization.dialect import Dialect
from csc_server.web.authorization.endpoint_request import EndpointRequest, authenticated_client
from csc_server.web.authorization.parameters import EndpointParameters, invalid, missing
from csc_server.web.authorization.refusals import known_client, strangers
from csc_server.web.authorization.secret_values import secret_hash

HINTS = frozenset(kind.value for kind in TokenKind)


def answer_revocation(context: AuthorizationContext, asked: EndpointRequest) -> bool:
    """Revoke a token of the calling client; a token of another counts as unknown.

    Returns:
        Whether the answer is that of RFC 7009, 2.2, which is a 200, and not CSC's 204.

    Raises:
        ProblemError: a row of CSC 1.0.4.0, 8.3.4. There an unknown token is an error, other than in RFC 7009, 2.2.
        UnavailableError: the signer process does not answer; the token is revoked, its approval maybe not.
    """
    dialect = Dialect(asked.face)
    with dialect.spoken():
        with strangers(asked.method):
            client = authenticated_client(context, asked, dialect, lambda: _check(asked.parameters, dialect))
        with known_client(context, asked.method, asked.face, client):
            _revoke_of_client(context, client, asked.parameters.get("token"), dialect)
    return dialect.is_rfc


def _check(parameters: EndpointParameters, dialect: Dialect) -> None:
    """Check the parameters; to the RFC a hint that it does not know is one to ignore (RFC 7009, 2.1)."""
    if not parameters.get("token"):
        raise missing("token")
    if not dialect.is_rfc and parameters.get("token_type_hint") not in {"", *HINTS}:
        raise invalid("token_type_hint")


def _revoke_of_client(context: AuthorizationContext, client: RegisteredClient, token: str, dialect: Dialect) -> None:
    """Revoke a token that was issued to this client."""
    row = context.store.token(secret_hash(token))
    if row is not None and row.client_id == client.row.client_id:
        _revoke_row(context, row)
    elif not dialect.is_rfc:
        raise _unknown_token()


def revoke_for_bearer(context: AuthorizationContext, bearer: TokenRow, token: str) -> None:
    """Revoke a token for whoever holds `bearer`: the core of auth/revoke, whose handler read and checked the rest.

    A token may be revoked by its own client and, where a signer logged in, for its own signer only.

    Raises:
        ProblemError: `Invalid string parameter token` (CSC 1.0.4.0, 11.3).
        UnavailableError: see `answer_revocation`.
    """
    row = context.store.token(secret_hash(token))
    if row is None or row.client_id != bearer.client_id:
        raise _unknown_token()
    if bearer.signer_id is not None and row.signer_id != bearer.signer_id:
        raise _unknown_token()
    _revoke_row(context, row)


def _unknown_token() -> ProblemError:
    return ProblemError(400, "invalid_request", "Invalid string parameter token")


def _revoke_row(context: AuthorizationContext, row: TokenRow) -> None:
    """Revoke at once: a refresh token with its whole family, an access token alone (CSC 1.0.4.0, 11.3).

    An access token of scope credential takes its approval and every SAD of it along.
    """
    now = context.clock.seconds()
    if row.kind is TokenKind.REFRESH:
        context.store.revoke_family(row.family_id, now)
    else:
        context.store.revoke_token(row.token_hash, now)
    if row.approval_id is not None and row.client_id is not None:
        context.activation.void_approval(VoidApproval(caller(row.client_id, row.signer_id), row.approval_id))
    context.record(
        Event.TOKEN_REVOKED, Outcome.SUCCESS, client_id=row.client_id, signer_id=row.signer_id, scope=row.scope
    )
