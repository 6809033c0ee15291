"""oauth2/token: the order of its checks (RFC 6749, 3.2; CSC 1.0.4.0, 8.3.3).

Form of the request, the client it names, the code's consumption, the client's secret, then the grant.
"""

from csc_server.values import ApiVersion
from csc_server.web.authorization.client_authentication import (
    authenticate,
    find_client,
    read_client,
    require_leniency,
)
from csc_server.web.authorization.context import AuthorizationContext
from csc_server.web.authorization.grants import ClientCredentialsGrant, CodeGrant, RefreshTokenGrant, redeem_code
from csc_server.web.authorization.parameters import EndpointParameters, invalid, missing
from csc_server.web.authorization.refusals import known_client, strangers
from csc_server.web.authorization.server import Answer, GrantRequest, Server

METHOD = "oauth2/token"

_NEEDED = {"authorization_code": "code", "client_credentials": "", "refresh_token": "refresh_token"}
"""The grants of this service and the parameter that each cannot do without (OA-01)."""


def make_server(context: AuthorizationContext) -> Server:
    """Return the authorization server with its three grants (OA-01)."""
    server = Server(context)
    for grant in (CodeGrant, ClientCredentialsGrant, RefreshTokenGrant):
        server.register_grant(grant)
    return server


def answer_token_request(
    server: Server, face: ApiVersion, header: str | None, parameters: EndpointParameters
) -> Answer:
    """Return the tokens of a grant.

    Args:
        server: with its grants registered.
        face: the API version whose token types apply.
        header: value of the Authorization header, or None.
        parameters: of the request.

    Raises:
        ProblemError: a row of CSC 1.0.4.0, 8.3.3, or an error of RFC 6749, 5.2.
        UnavailableError: the signer process does not answer; the code is spent.
    """
    with strangers(METHOD):
        request = _authenticated(server, face, header, parameters)
    with known_client(server.context, METHOD, face, request.client.row.client_id):
        answer: Answer = server.create_token_response(request)
    return answer


def _authenticated(
    server: Server, face: ApiVersion, header: str | None, parameters: EndpointParameters
) -> GrantRequest:
    presented = read_client(header, parameters)
    values = _values(parameters)
    needed = _needed(values)
    client = find_client(server.context.store, presented.client_id)
    require_leniency(client, parameters)
    redemption = redeem_code(server.context, values["code"]) if needed == "code" else None
    request = GrantRequest("POST", face, values, authenticate(client, presented))
    request.redemption = redemption
    return request


def _needed(values: dict[str, str]) -> str:
    """Return the name of the parameter that the grant cannot do without; it is there."""
    grant_type = values.get("grant_type", "")
    if not grant_type:
        raise missing("grant_type")
    if grant_type not in _NEEDED:
        raise invalid("grant_type")
    needed = _NEEDED[grant_type]
    if needed and needed not in values:
        raise missing(needed)
    return needed


def _values(parameters: EndpointParameters) -> dict[str, str]:
    """Return the parameters; the sample of CSC 1.0.4.0, 8.3.3 spells one `refreshToken`."""
    values = dict(parameters.values)
    if "refreshToken" in values:
        values.setdefault("refresh_token", values["refreshToken"])
    return values
