"""auth/login and auth/revoke (CSC 1.0.4.0, 11.2 and 11.3): their parameters; the authorization server does the rest."""

import re
from dataclasses import dataclass
from typing import Any

from flask import request

from csc_server.errors import MalformedInputError, ProblemError
from csc_server.storage.ports.web import TokenKind
from csc_server.values import ApiVersion
from csc_server.web.api.call import Call
from csc_server.web.authorization.login import issue_login_tokens, refresh_login
from csc_server.web.authorization.revocation import revoke_for_bearer
from csc_server.web.authorization.tokens import IssuedTokens
from csc_server.web.http.problems import invalid_request
from csc_server.wire import decode_base64

MAX_HEADER = 8192
MAX_VALUE = 1024

_BASIC = re.compile(r"[Bb][Aa][Ss][Ii][Cc] +([A-Za-z0-9+/]+={0,2})")


@dataclass(frozen=True, slots=True)
class LoginArguments:
    """Checked parameters of auth/login: a refresh token, or user name and password."""

    refresh_token: str
    identity: tuple[str, str]
    remember_me: bool
    client_data: str

    def __repr__(self) -> str:
        return "LoginArguments(...)"


@dataclass(frozen=True, slots=True)
class RevokeArguments:
    """Checked parameters of auth/revoke."""

    token: str
    hint: str
    client_data: str

    def __repr__(self) -> str:
        return "RevokeArguments(...)"


def refresh_token(call: Call) -> str:
    """Return the refresh token, "" when there is none."""
    value = call.parameters.value(("refresh_token",))
    if value is None:
        return ""
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_VALUE:
        raise invalid_request("Invalid string parameter: refresh_token")
    return value


def identity(call: Call) -> tuple[str, str]:
    """Return user name and password of a Basic header, which must not stand beside a refresh token."""
    header: str | None = request.environ.get("HTTP_AUTHORIZATION")
    has_refresh_token = call.parameters.value(("refresh_token",)) is not None
    if has_refresh_token and header is None:
        return "", ""
    match = _BASIC.fullmatch(header) if header is not None and len(header) <= MAX_HEADER else None
    if match is None or has_refresh_token:
        raise _malformed_header(call)
    try:
        pair = decode_base64(match[1])
    except MalformedInputError as error:
        raise _malformed_header(call) from error
    return _name_and_password(call, pair)


def remember_me(call: Call) -> bool:
    return call.parameters.boolean("rememberMe")


def token(call: Call) -> str:
    return call.parameters.required_string("token", maximum=MAX_VALUE)


def token_type_hint(call: Call) -> str:
    hint = call.parameters.value(("token_type_hint",))
    if hint not in (None, TokenKind.ACCESS.value, TokenKind.REFRESH.value):
        raise invalid_request("Invalid string parameter token_type_hint")
    return "" if hint is None else str(hint)


def log_in(call: Call, arguments: LoginArguments) -> dict[str, Any]:
    """Return a service token for the signer, and a refresh token for one that is to be remembered.

    A refresh token is used once (OA-13), so its use always gives the next one: the login that
    it stems from was to be remembered.
    """
    context = call.services.authorization
    if arguments.refresh_token:
        return _answer(refresh_login(context, call.version, arguments.refresh_token, remember=True))
    signer_id = call.services.password_login.login(*arguments.identity)
    return _answer(issue_login_tokens(context, call.version, signer_id, remember=arguments.remember_me))


def revoke(call: Call, arguments: RevokeArguments) -> None:
    """Revoke a token; the hint speeds nothing up here, where one look-up finds any token."""
    revoke_for_bearer(call.services.authorization, call.authorized.token, arguments.token)


def _answer(issued: IssuedTokens) -> dict[str, Any]:
    """Return the answer of 11.2, which has no token_type."""
    return {name: value for name, value in issued.answer.items() if name != "token_type"}


def _malformed_header(call: Call) -> ProblemError:
    challenge = {"WWW-Authenticate": 'Basic realm="csc", charset="UTF-8"'}
    return ProblemError(401, "invalid_request", _dotted(call, "Malformed authentication parameter"), challenge)


def _name_and_password(call: Call, pair: bytes) -> tuple[str, str]:
    """Return the two; what is empty or too long is a pair all the same, and a failed login (AU-12)."""
    try:
        text = pair.decode("utf-8")
    except UnicodeDecodeError:
        text = ""
    name, colon, password = text.partition(":")
    if not colon or not (name + password).isprintable():
        raise invalid_request(_dotted(call, "Malformed username-password"))
    return name, password


def _dotted(call: Call, text: str) -> str:
    """Return the text as the version writes it: 1.0.4.0 ends these two with a period."""
    return f"{text}." if call.version is ApiVersion.V1 else text
