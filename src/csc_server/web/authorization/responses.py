"""Authorization responses: the redirect back to the client, with a code or an error.

RFC 6749, 4.1.2; each carries `iss` (RFC 9207, 2; OA-06) and the state as it came.
"""

from urllib.parse import urlencode

from authlib.oauth2.rfc6749 import OAuth2Error

from csc_server.audit.events import Event, Outcome
from csc_server.errors import ProblemError
from csc_server.storage.ports.web import InteractionRow
from csc_server.values import SignerId
from csc_server.web.authorization.authorization_request import AuthorizationRequest
from csc_server.web.authorization.client_authentication import find_client
from csc_server.web.authorization.context import AuthorizationContext
from csc_server.web.authorization.parameters import invalid
from csc_server.web.authorization.server import GrantRequest, Server, translated

DENIED = "The user, authorization server or remote service denied the request."
"""CSC 1.0.4.0, 10.1, table 3."""


def error_location(context: AuthorizationContext, request: AuthorizationRequest, error: str, description: str) -> str:
    """Return the redirect that tells the client of an error; its redirect URI must have been verified."""
    return _location(context, request, {"error": error, "error_description": description})


def denied_location(context: AuthorizationContext, request: AuthorizationRequest) -> str:
    """Return the redirect after the signer refused (interoperability rule O15)."""
    return error_location(context, request, "access_denied", DENIED)


def code_location(
    server: Server, request: AuthorizationRequest, interaction: InteractionRow, signer_id: SignerId
) -> str:
    """Store a code for what the signer approved and return the redirect that carries it.

    Raises:
        ProblemError: the client was disabled meanwhile, or may no longer use this grant.
    """
    client = find_client(server.context.store, request.client_id)
    if client is None or not client.check_redirect_uri(request.redirect_uri):
        raise invalid("client_id")
    values = {
        "response_type": "code",
        "client_id": request.client_id,
        "scope": request.scope,
        "redirect_uri": request.redirect_uri,
    }
    asked = GrantRequest("GET", request.face, values, client)
    asked.authorization, asked.interaction = request, interaction
    code = _code(server, asked, signer_id)
    server.context.record(
        Event.CODE_ISSUED, Outcome.SUCCESS, client_id=request.client_id, signer_id=signer_id, scope=request.scope
    )
    return _location(server.context, request, {"code": code})


def _code(server: Server, asked: GrantRequest, signer_id: SignerId) -> str:
    try:
        grant = server.get_consent_grant(asked)
        server.create_authorization_response(asked, grant_user=signer_id, grant=grant)
    except OAuth2Error as error:
        raise translated(error) from error
    code: str = asked.issued_code
    if not code:
        raise ProblemError(400, "invalid_request")
    return code


def _location(context: AuthorizationContext, request: AuthorizationRequest, parameters: dict[str, str]) -> str:
    """Add parameters to the redirect URI; what it has stays as it was registered (RFC 6749, 3.1.2)."""
    if request.state is not None:
        parameters["state"] = request.state
    parameters["iss"] = context.issuer
    joint = "&" if "?" in request.redirect_uri else "?"
    return f"{request.redirect_uri}{joint}{urlencode(parameters)}"
