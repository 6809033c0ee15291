"""A request to an endpoint that clients call themselves, and the client it proves to come from.

token, revoke, pushed_authorize and introspect differ in what they check between finding the client and
believing it, and in nothing else.
"""

from collections.abc import Callable
from dataclasses import dataclass

from csc_server.web.authorization.client_authentication import (
    authenticate,
    find_client,
    read_client,
    require_leniency,
)
from csc_server.web.authorization.clients import RegisteredClient
from csc_server.web.authorization.context import AuthorizationContext
from csc_server.web.authorization.dialect import Dialect
from csc_server.web.authorization.faces import Face
from csc_server.web.authorization.parameters import EndpointParameters


@dataclass(frozen=True)
class EndpointRequest:
    """One POST.

    `method` is the endpoint's name in the audit; `authorization` the value of the Authorization header.
    """

    method: str
    face: Face
    authorization: str | None
    parameters: EndpointParameters

    def __repr__(self) -> str:
        return f"EndpointRequest(method={self.method!r}, face={self.face!r})"


def authenticated_client(
    context: AuthorizationContext, asked: EndpointRequest, dialect: Dialect, check: Callable[[], None]
) -> RegisteredClient:
    """Return the client that a request comes from.

    Args:
        context: with the store of clients.
        asked: the request.
        dialect: learns of the client.
        check: what the endpoint checks before the client's proof, in the order of CSC's rows.

    Raises:
        ProblemError: in CSC's words, or `invalid_client` where the dialect is that of the RFCs.
        TooManyRequestsError: of this client in this minute (IN-21).
    """
    presented = read_client(asked.authorization, asked.parameters)
    client = find_client(context.store, presented.client_id)
    dialect.learn(client)
    require_leniency(client, asked.parameters)
    check()
    with dialect.authentication():
        proved = authenticate(context, client, presented)
    if proved.is_public:  # its name proves nothing: whoever sends it counts by address, and uses up nobody's limit
        context.limits.open_request()
    else:
        context.limits.request(proved.row.client_id, None, proved.row.rate_factor)
    return proved
