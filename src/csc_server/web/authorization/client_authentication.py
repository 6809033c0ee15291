"""Who calls the endpoints of clients: by a secret, an assertion or a certificate, or a public client (OA-10).

RFC 6749, 2.3 and 3.2.1; RFC 7523, 2.2; RFC 8705, 2; CSC 1.0.4.0, 8.3.3 and 8.3.4 for codes and texts. In place of
Authlib's parser, which takes headers that RFC 7617 forbids (OA-23, IN-07).
"""

import re
from dataclasses import dataclass
from urllib.parse import unquote_plus

from csc_server.errors import MalformedInputError, ProblemError
from csc_server.storage.ports.web import ClientRow, ClientStore
from csc_server.values import ClientId, ClientProfile
from csc_server.web.authorization.client_assertion import ASSERTION_TYPE, check_assertion, read_assertion
from csc_server.web.authorization.clients import PRIVATE_KEY_JWT, SELF_SIGNED_TLS, TLS_CLIENT_AUTH, RegisteredClient
from csc_server.web.authorization.context import AuthorizationContext
from csc_server.web.authorization.mutual_tls import check_certificate
from csc_server.web.authorization.parameters import EndpointParameters, invalid, malformed, missing
from csc_server.web.authorization.signed_tokens import SignedToken
from csc_server.web.http.client_certificate import client_certificate
from csc_server.wire import decode_base64

MAX_HEADER = 1024
"""Characters: far more than an id and a secret of 256 bits need."""

_BASIC = re.compile(r"[Bb][Aa][Ss][Ii][Cc] +([A-Za-z0-9+/]+={0,2}) *")

_TLS_METHODS = frozenset({TLS_CLIENT_AUTH, SELF_SIGNED_TLS})

_NOBODY = RegisteredClient(
    ClientRow(ClientId(""), "", ClientProfile.CSC2, (), (), (), (), secret_salt=bytes(16), secret_hash=bytes(32))
)
"""Compared with where there is no client, so that the answer takes as long (OA-16)."""


@dataclass(frozen=True)
class PresentedClient:
    """What a request says of its client, not checked against anything yet.

    `method` is `none` where the request shows nothing: a public client, or one that its certificate shows.
    """

    client_id: str
    secret: str
    method: str
    assertion: SignedToken | None = None

    def __repr__(self) -> str:
        return f"PresentedClient(client_id={self.client_id!r}, method={self.method!r})"


def read_client(header: str | None, parameters: EndpointParameters) -> PresentedClient:
    """Return the client that a request presents; `client_id` beside Basic is normal (interoperability rule O3).

    Raises:
        ProblemError: a bad header, no client at all, two ids that differ, or two methods at once (OA-10).
    """
    named, secret = parameters.get("client_id"), parameters.get("client_secret")
    if parameters.get("client_assertion") or parameters.get("client_assertion_type"):
        if header is not None or secret:
            raise malformed()
        return _asserted(parameters)
    if header is None:
        if not named:
            raise missing("client_id")
        return PresentedClient(named, secret, "client_secret_post" if secret else "none")
    client_id, basic_secret = read_basic(header)
    if named and named != client_id:
        raise invalid("client_id")
    if secret:
        raise malformed()
    return PresentedClient(client_id, basic_secret, "client_secret_basic")


def _asserted(parameters: EndpointParameters) -> PresentedClient:
    """Return the client that an assertion is of; `client_id` may be left out beside it (RFC 7521, 4.2)."""
    for name in ("client_assertion", "client_assertion_type"):
        if not parameters.get(name):
            raise missing(name)
    if parameters.get("client_assertion_type") != ASSERTION_TYPE:
        raise invalid("client_assertion_type")
    assertion = read_assertion(parameters.get("client_assertion"))
    client_id = assertion.text_claim("sub")
    if parameters.get("client_id") not in {"", client_id}:
        raise invalid("client_id")
    return PresentedClient(client_id, "", PRIVATE_KEY_JWT, assertion)


def read_basic(header: str) -> tuple[str, str]:
    """Return id and secret of an Authorization header (RFC 7617, 2; form-encoded inside: RFC 6749, 2.3.1)."""
    match = _BASIC.fullmatch(header) if len(header) <= MAX_HEADER else None
    if match is None:
        raise _bad_header()
    try:
        name, colon, secret = decode_base64(match[1]).decode("utf-8").partition(":")
        name, secret = unquote_plus(name, errors="strict"), unquote_plus(secret, errors="strict")
    except (MalformedInputError, UnicodeDecodeError) as error:
        raise _bad_header() from error
    if not colon or not name or not secret or not (name + secret).isprintable():
        raise _bad_header()
    return name, secret


def _bad_header() -> ProblemError:
    return ProblemError(
        401, "invalid_client", "Invalid authorization header", {"WWW-Authenticate": 'Basic realm="oauth2"'}
    )


def find_client(store: ClientStore, client_id: str) -> RegisteredClient | None:
    """Return a client that is registered and not disabled."""
    row = store.client(ClientId(client_id))
    return None if row is None or row.disabled else RegisteredClient(row)


def authenticate(
    context: AuthorizationContext, client: RegisteredClient | None, presented: PresentedClient
) -> RegisteredClient:
    """Return the client if it is who it says.

    The table tells an unknown client from a wrong secret, so OA-16's "same answer" holds between unknown and
    disabled clients, and between a wrong secret and a method that is not registered.

    Raises:
        ProblemError: the rows of CSC 1.0.4.0, 8.3.3; 401 `invalid_client` for assertions and certificates.
    """
    if presented.assertion is not None:
        return check_assertion(context, client, presented.assertion)
    matches = (client or _NOBODY).check_client_secret(presented.secret)
    if client is None:
        raise invalid("client_id")
    if presented.method == "none" and not _TLS_METHODS.isdisjoint(client.row.auth_methods):
        check_certificate(context, client, client_certificate())
        return client
    if presented.method == "none":
        if client.is_public and client.check_endpoint_auth_method("none", "token"):
            return client
        raise ProblemError(400, "invalid_request", "Client authorization required")
    if not matches or not client.check_endpoint_auth_method(presented.method, "token"):
        raise invalid("client_secret")
    return client


def require_leniency(client: RegisteredClient | None, parameters: EndpointParameters) -> None:
    """Refuse parameters in the query or as JSON unless the client is csc1 (interoperability rules O6, O7; OA-17)."""
    if parameters.is_lenient and (client is None or client.row.profile is not ClientProfile.CSC1):
        raise malformed()
