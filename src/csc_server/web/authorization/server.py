"""Authlib behind our own border: requests in, values out, every failure a ProblemError (OA-23).

Authlib decides the order of a grant; what it stores, compares and answers is ours. The endpoints hand it
requests whose client was authenticated before, so none of its own parsers sees the network.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from authlib.oauth2.rfc6749 import AuthorizationServer, OAuth2Error, OAuth2Payload, OAuth2Request

from csc_server.errors import ProblemError
from csc_server.storage.ports.web import CodeRow, InteractionRow
from csc_server.web.authorization.authorization_request import CREDENTIAL, CUSTODY_SCOPES, SERVICE, AuthorizationRequest
from csc_server.web.authorization.client_authentication import find_client
from csc_server.web.authorization.clients import RegisteredClient
from csc_server.web.authorization.context import AuthorizationContext
from csc_server.web.authorization.faces import Face

NOT_AUTHORIZED = "The client is not authorized to use this method."
"""CSC 1.0.4.0, 10.1, table 3."""

INVALID_SCOPE = "The requested scope is invalid, unknown, or malformed."
"""CSC 1.0.4.0, 10.1, table 3."""


class Payload(OAuth2Payload):  # type: ignore[misc]  # Authlib publishes no types
    """Parameters that `parameters.py` read: each occurs once."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = dict(values)

    @property
    def data(self) -> dict[str, str]:
        return self._values

    @property
    def datalist(self) -> defaultdict[str, list[str]]:
        return defaultdict(list, {name: [value] for name, value in self._values.items()})


class GrantRequest(OAuth2Request):  # type: ignore[misc]  # Authlib publishes no types
    """One request on its way through a grant.

    `redemption` is the code that this request consumed; `authorization` and `interaction` are set when the
    signer has decided, and `issued_code` is what came of it. `confirmation` names the key that the tokens will
    be bound to, as in `TokenRow`.
    """

    def __init__(self, method: str, face: Face, values: Mapping[str, str], client: RegisteredClient) -> None:
        # Authlib refuses http here; that the public address is https is the settings' business, and
        # `dev` on loopback has none. So it gets the path under a name that passes.
        super().__init__(method, f"https://localhost/csc/{face}/oauth2")
        self.payload = Payload(values)
        self.face = face
        self.client = client
        self.redemption: CodeRow | None = None
        self.authorization: AuthorizationRequest | None = None
        self.interaction: InteractionRow | None = None
        self.issued_code = ""
        self.confirmation = ""

    @property
    def form(self) -> dict[str, str]:
        data: dict[str, str] = self.payload.data
        return data


@dataclass(frozen=True)
class Answer:
    """What a grant answers; the headers that Authlib adds are set for every endpoint by `endpoints.py`."""

    status: int
    body: dict[str, Any]


class Server(AuthorizationServer):  # type: ignore[misc]  # Authlib publishes no types
    """The grants of this service over its store and its signer process."""

    def __init__(self, context: AuthorizationContext) -> None:
        super().__init__(scopes_supported=[SERVICE, CREDENTIAL, *CUSTODY_SCOPES])
        self.context = context

    def create_oauth2_request(self, request: GrantRequest) -> GrantRequest:
        return request

    def authenticate_client(
        self,
        request: GrantRequest,
        methods: object,  # noqa: ARG002 Authlib's signature; the client's own methods were checked before
        endpoint: str = "token",  # noqa: ARG002 Authlib's signature
    ) -> RegisteredClient:
        """Return the client that `client_authentication.authenticate` let through."""
        client: RegisteredClient = request.client
        return client

    def query_client(self, client_id: str) -> RegisteredClient | None:
        """Find a client of an authorization request by its id."""
        return find_client(self.context.store, client_id)

    def send_signal(self, name: str, *args: object, **kwargs: object) -> None:
        """Authlib's signals carry clients and tokens; nobody listens."""

    def handle_response(self, status: int, body: dict[str, Any], headers: object) -> Answer:  # noqa: ARG002 Authlib's signature
        return Answer(status, body)

    def handle_error_response(self, request: GrantRequest, error: OAuth2Error) -> NoReturn:  # noqa: ARG002 Authlib's signature
        raise translated(error) from error


def translated(error: OAuth2Error) -> ProblemError:
    """Return our error for one of Authlib's, without its text, which may repeat input (IN-06)."""
    if error.error == "unauthorized_client":
        return ProblemError(401, "unauthorized_client", NOT_AUTHORIZED)
    if error.error == "invalid_scope":
        return ProblemError(400, "invalid_scope", INVALID_SCOPE)
    return ProblemError(400, error.error or "invalid_request")
