"""oauth2/pushed_authorize: an authorization request that its client brings itself (RFC 9126; OA-07; CSC 2.x, 8.4.3).

The handle is a secret of 256 bits of which only the SHA-256 is stored. It opens the signer's pages as often as they
are loaded until it expires, and is used up by the first decision of the signer.
"""

from dataclasses import replace
from typing import Any

from csc_server.errors import ProblemError
from csc_server.storage.ports.web import PushedRequestRow
from csc_server.web.authorization.account_tokens import use_account
from csc_server.web.authorization.authorization_checks import addressed, checked
from csc_server.web.authorization.authorization_request import AuthorizationRequest
from csc_server.web.authorization.clients import RegisteredClient
from csc_server.web.authorization.context import AuthorizationContext
from csc_server.web.authorization.dialect import Dialect, invalid_client
from csc_server.web.authorization.endpoint_request import EndpointRequest, authenticated_client
from csc_server.web.authorization.faces import Face
from csc_server.web.authorization.parameters import invalid
from csc_server.web.authorization.refusals import known_client, strangers
from csc_server.web.authorization.secret_values import is_secret, new_secret, secret_hash
from csc_server.web.authorization.server import Server
from csc_server.web.authorization.token_binding import pushed_key

PREFIX = "urn:ietf:params:oauth:request_uri:"
"""RFC 9126, 2.2."""


def push_request(server: Server, asked: EndpointRequest) -> dict[str, Any]:
    """Check and store a request; return the members of the answer, whose status is 201.

    Raises:
        ProblemError: the client is not who it says (401), or a parameter is wrong (400); never a redirect. CSC has
            no rows for this endpoint, so every face speaks the words of the RFCs.
    """
    context, dialect = server.context, Dialect(Face.RFC)
    with dialect.spoken():
        with strangers(asked.method):
            client = authenticated_client(context, asked, dialect, lambda: None)
            if client.is_public:  # it can prove nothing, and what it pushed would be stored (OA-07)
                raise invalid_client()
        with known_client(context, asked.method, asked.face, client):
            request = _request(server, client, asked)
    return _store(context, request)


def _request(server: Server, client: RegisteredClient, asked: EndpointRequest) -> AuthorizationRequest:
    parameters = asked.parameters.values
    if "request_uri" in parameters:
        raise invalid("request_uri")
    request = checked(server, client, parameters, addressed(asked.face, client, parameters))
    if request.account is not None and not use_account(server.context, request.client_id, request.account):
        raise invalid("account_token")
    return replace(request, dpop_jkt=pushed_key(server.context, request.dpop_jkt))


def _store(context: AuthorizationContext, request: AuthorizationRequest) -> dict[str, Any]:
    handle, now = new_secret(), context.clock.seconds()
    lifetime = context.settings.limits.pushed_request_lifetime
    context.store.insert_pushed_request(
        PushedRequestRow(
            handle_hash=secret_hash(handle),
            client_id=request.client_id,
            request=request.members(),
            created_at=now,
            expires_at=now + lifetime,
        )
    )
    return {"request_uri": PREFIX + handle, "expires_in": lifetime}


def is_pushed(request_uri: str) -> bool:
    """Tell whether a `request_uri` is one that this endpoint gives out; none is ever fetched (OA-09)."""
    return request_uri.startswith(PREFIX)


def read_pushed(context: AuthorizationContext, client: RegisteredClient, request_uri: str) -> AuthorizationRequest:
    """Return what a client pushed.

    Raises:
        ProblemError: `invalid_request_uri` (RFC 9101, 6.2): unknown, of another client, expired or used, in one
            answer for all; or the redirect URI is no longer the client's.
    """
    handle = request_uri.removeprefix(PREFIX)
    handle_hash = secret_hash(handle)
    row = context.store.pushed_request(handle_hash) if is_secret(handle) else None
    if row is None or row.client_id != client.row.client_id or row.used_at:
        raise _unknown()
    if row.expires_at <= context.clock.seconds():
        raise _unknown()
    request = AuthorizationRequest.stored(row.client_id, row.request)
    if not client.check_redirect_uri(request.redirect_uri):
        raise invalid("redirect_uri")
    return replace(request, pushed=handle_hash)


def _unknown() -> ProblemError:
    return ProblemError(400, "invalid_request_uri", "The request_uri is unknown, expired or used")


def use_pushed(context: AuthorizationContext, request: AuthorizationRequest) -> bool:
    """Use up the handle behind a request; False when another page of the same handle was answered before."""
    return not request.pushed or context.store.use_pushed_request(request.pushed, context.clock.seconds())
