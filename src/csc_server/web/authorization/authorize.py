"""oauth2/authorize: from a browser's query to the signer's pages (RFC 6749, 4.1.1; RFC 9126, 4; CSC 2.x, 8.4.2).

What a client pushed becomes a stored interaction here; what a browser brought is carried by the page's address.
"""

from collections.abc import Mapping

from csc_server.errors import ProblemError, UnavailableError
from csc_server.values import ClientProfile
from csc_server.web.authorization.authorization_checks import addressed, checked
from csc_server.web.authorization.authorization_request import AuthorizationRequest
from csc_server.web.authorization.carried_requests import CarriedRequest, carry
from csc_server.web.authorization.client_authentication import find_client
from csc_server.web.authorization.clients import RegisteredClient
from csc_server.web.authorization.context import AuthorizationContext
from csc_server.web.authorization.faces import Face
from csc_server.web.authorization.interactions import start_interaction
from csc_server.web.authorization.parameters import invalid, missing
from csc_server.web.authorization.pushed_requests import is_pushed, read_pushed
from csc_server.web.authorization.refusals import strangers
from csc_server.web.authorization.responses import error_location
from csc_server.web.authorization.server import Server
from csc_server.web.http.problems import SERVER_ERROR, TEMPORARILY_UNAVAILABLE, log_unexpected

METHOD = "oauth2/authorize"


def begin_authorization(server: Server, face: Face, parameters: Mapping[str, str]) -> str:
    """Return where to send the browser: to the signer's pages, or back to the client with an error.

    Raises:
        ProblemError: the client, its redirect URI or its pushed request is wrong, so nothing may be sent anywhere.
    """
    context = server.context
    with strangers(METHOD):
        client = _client(context, parameters)
        if is_pushed(parameters.get("request_uri", "")):
            # Everything else in the query is another's word against what the client pushed (RFC 9126, 4).
            return _begin_pushed(context, read_pushed(context, client, parameters["request_uri"]))
        unchecked = addressed(face, client, parameters)
    try:
        with strangers(METHOD):
            _require_push(client)
            checked(server, client, parameters, unchecked)
            return _page(context, carry(face, parameters))
    except ProblemError as error:
        return error_location(context, unchecked, error.error, error.description)
    except UnavailableError:
        return error_location(context, unchecked, "temporarily_unavailable", TEMPORARILY_UNAVAILABLE)
    except Exception as error:  # noqa: BLE001 RFC 6749, 4.1.2.1: a redirect tells the client what a 500 could not
        log_unexpected(error)
        return error_location(context, unchecked, "server_error", SERVER_ERROR)


def reread_request(server: Server, carried: CarriedRequest) -> AuthorizationRequest:
    """Return the request that the address of a page carries, checked like one that just came.

    Raises:
        ProblemError: the address was made up, or the client has changed; nothing may be sent anywhere.
    """
    client = _client(server.context, carried.parameters)
    _require_push(client)
    return checked(server, client, carried.parameters, addressed(carried.face, client, carried.parameters))


def _client(context: AuthorizationContext, parameters: Mapping[str, str]) -> RegisteredClient:
    client_id = parameters.get("client_id", "")
    if not client_id:
        raise missing("client_id")
    client = find_client(context.store, client_id)
    if client is None:
        raise invalid("client_id")
    return client


def _require_push(client: RegisteredClient) -> None:
    """FAPI 2.0 Security Profile, 5.3.2.2: a request that was not pushed is refused."""
    if client.row.profile is ClientProfile.FAPI2:
        raise missing("request_uri")


def _begin_pushed(context: AuthorizationContext, request: AuthorizationRequest) -> str:
    try:
        interaction = start_interaction(context, request)
    except UnavailableError:
        return error_location(context, request, "temporarily_unavailable", TEMPORARILY_UNAVAILABLE)
    return _page(context, interaction.interaction_id)


def _page(context: AuthorizationContext, address: str) -> str:
    return f"{context.issuer}/interaction/{address}"
