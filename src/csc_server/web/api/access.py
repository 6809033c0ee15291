"""Who may call: the Authorization header and the token in it (RFC 6750; RFC 9449, 7; CSC 1.0.4.0, 8.1 and 10.1)."""

import re
from collections.abc import Collection

from flask import request

from csc_server.errors import ProblemError
from csc_server.storage.ports.web import ClientRow, TokenKind, TokenRow
from csc_server.values import ApiVersion, ClientId
from csc_server.web.api.call import Access, Scope, Services
from csc_server.web.authorization.secret_values import secret_hash
from csc_server.web.authorization.token_binding import check_possession
from csc_server.web.http.problems import INVALID_REQUEST, invalid_request

CLIENT_MEMORY = 1.0
"""Seconds a client's row is remembered: a disabled client is out within this time, its tokens at once."""

MAX_CLIENTS = 1024

_AUTHORIZATION = re.compile(r"([Bb]earer|[Dd][Pp][Oo][Pp]) +([A-Za-z0-9._~+/-]+=*)")
_UNBOUND = "bearer"
_MAX_HEADER = 4096

_MALFORMED_V2 = "Malformed authorization header"
_REQUIRED_IN_CAPITALS = frozenset({"auth/revoke", "credentials/extendTransaction"})
"""Methods whose row of 1.0.4.0 spells REQUIRED in capitals."""


def malformed_header(version: ApiVersion, method: str) -> str:
    """Return the text for an Authorization header that is not `Bearer <token>`."""
    if version is ApiVersion.V2:
        return _MALFORMED_V2
    if method == "credentials/sendOTP":
        return "Malformed authroization header."  # so it is spelt in 1.0.4.0, 11.8
    if method in _REQUIRED_IN_CAPITALS:
        return INVALID_REQUEST.replace("a required", "a REQUIRED")
    return INVALID_REQUEST


class Gate:
    """Turns the Authorization header of a request into an Access, or refuses."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._clients: dict[ClientId, tuple[float, ClientRow | None]] = {}

    def enter(self, version: ApiVersion, method: str, scopes: Collection[Scope]) -> Access:
        """Return the caller's access.

        Raises:
            ProblemError: 400 for a header that is missing, twice there or malformed; 401 for a token that is
                unknown, expired, revoked, of a disabled client or of another scope, or bound to another key.
        """
        scheme, secret = self._presented(version, method)
        token = self._services.store.token(secret_hash(secret))
        if token is None or token.kind is not TokenKind.ACCESS:
            raise _unauthorized("invalid_token", "The token provided is not a valid OAuth access or refresh token.")
        if token.revoked_at or token.expires_at <= self._services.clock.seconds():
            raise ended_token()
        if token.confirmation or scheme != _UNBOUND:
            check_possession(self._services.authorization, token, secret, scheme)
        client = self._client(token)
        if (token.client_id is not None and (client is None or client.disabled)) or token.scope not in scopes:
            raise _unauthorized("unauthorized_client", "The client is not authorized to use this method.")
        return Access(secret, token, client)

    def _presented(self, version: ApiVersion, method: str) -> tuple[str, str]:
        """Return the scheme in lower case, and the token."""
        header: str = request.environ.get("HTTP_AUTHORIZATION", "")
        match = _AUTHORIZATION.fullmatch(header) if len(header) <= _MAX_HEADER else None
        if match is None or "access_token" in request.environ.get("QUERY_STRING", ""):
            raise invalid_request(malformed_header(version, method))
        return match[1].lower(), match[2]

    def _client(self, token: TokenRow) -> ClientRow | None:
        """Return the token's client, remembered shortly: the row is the same for thousands of requests."""
        client_id = token.client_id
        if client_id is None:
            return None
        now = self._services.clock.monotonic()
        known = self._clients.get(client_id)
        if known is not None and now - known[0] < CLIENT_MEMORY:
            return known[1]
        row = self._services.store.client(client_id)
        if len(self._clients) >= MAX_CLIENTS:
            self._clients.clear()
        self._clients[client_id] = (now, row)
        return row


def ended_token() -> ProblemError:
    """Return the 401 for a token that is expired, revoked or used up."""
    return _unauthorized("expired_token", "The access or refresh token is expired or has been revoked.")


def _unauthorized(error: str, description: str) -> ProblemError:
    """Return a 401 with the challenge of RFC 6750, 3, in whose words an expired token is an invalid one."""
    challenge = "insufficient_scope" if error == "unauthorized_client" else "invalid_token"
    return ProblemError(401, error, description, {"WWW-Authenticate": f'Bearer error="{challenge}"'})
