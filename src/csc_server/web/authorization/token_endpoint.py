"""oauth2/token: the order of its checks (RFC 6749, 3.2; CSC 1.0.4.0, 8.3.3).

Form of the request, the client it names, the code's consumption, the client's proof, then the grant.
"""

from csc_server.storage.ports.web import CodeRow
from csc_server.web.authorization.context import AuthorizationContext
from csc_server.web.authorization.dialect import Dialect
from csc_server.web.authorization.endpoint_request import EndpointRequest, authenticated_client
from csc_server.web.authorization.grants import ClientCredentialsGrant, CodeGrant, RefreshTokenGrant, redeem_code
from csc_server.web.authorization.parameters import EndpointParameters, invalid, missing
from csc_server.web.authorization.refusals import known_client, strangers
from csc_server.web.authorization.server import Answer, GrantRequest, Server
from csc_server.web.authorization.token_binding import confirmation_for

_NEEDED = {"authorization_code": "code", "client_credentials": "", "refresh_token": "refresh_token"}
"""The grants of this service and the parameter that each cannot do without (OA-01)."""


GRANTS = (CodeGrant, ClientCredentialsGrant, RefreshTokenGrant)
"""Everything that gives a token (OA-01)."""


def make_server(context: AuthorizationContext) -> Server:
    """Return the authorization server with its three grants (OA-01)."""
    server = Server(context)
    for grant in GRANTS:
        server.register_grant(grant)
    return server


def answer_token_request(server: Server, asked: EndpointRequest) -> Answer:
    """Return the tokens of a grant.

    Raises:
        ProblemError: a row of CSC 1.0.4.0, 8.3.3, or an error of RFC 6749, 5.2.
        UnavailableError: the signer process does not answer; the code is spent.
    """
    dialect = Dialect(asked.face)
    with dialect.spoken():
        with strangers(asked.method):
            request = _authenticated(server, asked, dialect)
        with known_client(server.context, asked.method, asked.face, request.client):
            request.confirmation = confirmation_for(server.context, request.client)
            answer: Answer = server.create_token_response(request)
            return answer


def _authenticated(server: Server, asked: EndpointRequest, dialect: Dialect) -> GrantRequest:
    values = _values(asked.parameters)
    redeemed: list[CodeRow | None] = []

    def check() -> None:
        if _needed(values) == "code":
            redeemed.append(redeem_code(server.context, values["code"]))

    client = authenticated_client(server.context, asked, dialect, check)
    request = GrantRequest("POST", asked.face, values, client)
    request.redemption = redeemed[0] if redeemed else None
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
