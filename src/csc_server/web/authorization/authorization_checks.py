"""What an authorization request must be, wherever it came in: by the browser or pushed (RFC 6749, 4.1.1; RFC 9126, 2).

CSC 1.0.4.0, 8.3.2; 2.x, 8.4.2 and 8.4.3. Client and redirect URI come first, since only when both are right may an
error travel by redirect (OA-05).
"""

import re
from collections.abc import Mapping
from dataclasses import replace

from authlib.oauth2.rfc6749 import OAuth2Error

from csc_server.errors import ProblemError
from csc_server.values import ClientProfile
from csc_server.web.authorization.account_tokens import read_account
from csc_server.web.authorization.authorization_request import (
    CREDENTIAL,
    SERVICE,
    AuthorizationRequest,
    offered_custody_scopes,
)
from csc_server.web.authorization.clients import RegisteredClient
from csc_server.web.authorization.context import AuthorizationContext
from csc_server.web.authorization.custody_details import read_custody_scope
from csc_server.web.authorization.details import GrantedDetails, read_details
from csc_server.web.authorization.faces import Face
from csc_server.web.authorization.parameters import invalid, missing
from csc_server.web.authorization.proof_key import read_challenge
from csc_server.web.authorization.server import INVALID_SCOPE, GrantRequest, Server, translated
from csc_server.web.authorization.transactions import read_qualifier, read_transaction

MAX_DESCRIPTION = 500
"""CSC 1.0.4.0, 8.3.2: `description` has at most 500 characters."""

MAX_CLIENT_DATA = 4096
"""As long as `clientData` of every other method; nobody reads it."""

MAX_LANGUAGE = 35
"""RFC 5646, 4.4.1: no registered language tag needs more."""

UNSUPPORTED_RESPONSE_TYPE = (
    "The authorization server does not support obtaining an authorization code using this method."
)
"""CSC 1.0.4.0, 10.1, table 3."""

_SEPARATE = ("credentialID", "signatureQualifier", "numSignatures", "hash", "hashes", "hashAlgorithmOID")
"""Parameters that must not stand beside authorization_details (CSC 2.0.0.2, 8.4.2)."""

_THUMBPRINT = re.compile(r"[A-Za-z0-9_-]{43}")
"""SHA-256 of a JWK (RFC 9449, 10)."""


def addressed(face: Face, client: RegisteredClient, parameters: Mapping[str, str]) -> AuthorizationRequest:
    """Return a request of which client and redirect URI are right and nothing else is checked yet.

    Raises:
        ProblemError: the redirect URI is missing or not the client's, so nothing may be sent there.
    """
    return AuthorizationRequest(
        client_id=client.row.client_id,
        face=face,
        redirect_uri=_redirect_uri(client, parameters),
        redirect_uri_given="redirect_uri" in parameters,
        scope="",
        state=parameters.get("state"),
    )


def _redirect_uri(client: RegisteredClient, parameters: Mapping[str, str]) -> str:
    requested = parameters.get("redirect_uri", "")
    if not requested:
        default = client.get_default_redirect_uri()
        if not default:
            raise missing("redirect_uri")
        return default
    if not client.check_redirect_uri(requested):
        raise invalid("redirect_uri")
    return requested


def checked(
    server: Server, client: RegisteredClient, parameters: Mapping[str, str], unchecked: AuthorizationRequest
) -> AuthorizationRequest:
    """Return the request with everything that has an answer by redirect checked, in the order of CSC's table.

    Raises:
        ProblemError: the first parameter that is wrong.
    """
    _check_response(parameters)
    granted = _details(server.context, unchecked.face, parameters)
    scope = _scope(server.context, client, unchecked.face, parameters, granted)
    _ask_authlib(server, client, parameters, unchecked, scope)
    request = replace(
        unchecked,
        scope=scope,
        code_challenge=read_challenge(parameters, client, unchecked.face),
        dpop_jkt=_thumbprint(parameters),
        language=_language(parameters),
        description=_description(parameters),
        must_log_in=_must_log_in(parameters),
        account=read_account(server.context, client, parameters),
    )
    if scope == SERVICE:
        return request
    custody = granted.custody if granted is not None else read_custody_scope(scope, parameters)
    if custody is not None:
        # What is destroyed stays so; a session that somebody left open is not enough for it.
        return replace(
            request, details=custody.echo, credential_to_delete=custody.credential_id or None, must_log_in=True
        )
    if granted is not None:
        qualifier = granted.echo.get("signatureQualifier", "")
        return replace(request, transaction=granted.transaction, details=granted.echo, signature_qualifier=qualifier)
    return replace(
        request,
        signature_qualifier=read_qualifier(parameters, unchecked.face),
        transaction=read_transaction(
            parameters,
            unchecked.face,
            lenient=client.row.profile is ClientProfile.CSC1,
            max_hashes=server.context.settings.limits.hashes_per_request,
        ),
    )


def _check_response(parameters: Mapping[str, str]) -> None:
    response_type = parameters.get("response_type", "")
    if not response_type:
        raise missing("response_type")
    if response_type != "code":
        raise ProblemError(400, "unsupported_response_type", UNSUPPORTED_RESPONSE_TYPE)
    if parameters.get("response_mode", "query") != "query":
        raise invalid("response_mode")
    # Signed requests are not offered; ignoring one would approve something else (OA-09; RFC 9101, 10.4).
    for name in ("request", "request_uri"):
        if name in parameters:
            raise ProblemError(400, f"{name}_not_supported", f"The parameter {name} is not supported")


def _details(context: AuthorizationContext, face: Face, parameters: Mapping[str, str]) -> GrantedDetails | None:
    text = parameters.get("authorization_details", "")
    if not text:
        return None
    if face is Face.V1:
        raise invalid("authorization_details")
    granted = read_details(text, max_hashes=context.settings.limits.hashes_per_request)
    for name in _SEPARATE:
        if name in parameters:
            raise invalid(name)
    return granted


def _scope(
    context: AuthorizationContext,
    client: RegisteredClient,
    face: Face,
    parameters: Mapping[str, str],
    granted: GrantedDetails | None,
) -> str:
    """Return the one scope asked for; `credential` beside details is superfluous but common (rule O10)."""
    custody = offered_custody_scopes(context.settings) if face is not Face.V1 else ()
    scopes: tuple[str, ...] = (SERVICE, CREDENTIAL, *custody)
    if granted is not None:
        scopes = (granted.custody.scope if granted.custody else CREDENTIAL,)
        if granted.custody is not None and granted.custody.scope not in custody:
            raise ProblemError(400, "invalid_authorization_details", "The type of an entry is not offered")
    scope = parameters.get("scope", scopes[0])
    if scope not in scopes or client.get_allowed_scope(scope) is None:
        raise ProblemError(400, "invalid_scope", INVALID_SCOPE)
    return scope


def _ask_authlib(
    server: Server,
    client: RegisteredClient,
    parameters: Mapping[str, str],
    request: AuthorizationRequest,
    scope: str,
) -> None:
    """Let Authlib's grant look at client, redirect URI, response type and scope as well."""
    values = {**parameters, "client_id": request.client_id, "scope": scope, "redirect_uri": request.redirect_uri}
    try:
        server.get_consent_grant(GrantRequest("GET", request.face, values, client))
    except OAuth2Error as error:
        raise translated(error) from error


def _thumbprint(parameters: Mapping[str, str]) -> str:
    """Return the thumbprint of the key that the code will be bound to, or "" (RFC 9449, 10)."""
    thumbprint = parameters.get("dpop_jkt", "")
    if thumbprint and not _THUMBPRINT.fullmatch(thumbprint):
        raise invalid("dpop_jkt")
    return thumbprint


def _language(parameters: Mapping[str, str]) -> str:
    """Return the language tag asked for; an unknown one is never an error (CSC 1.0.4.0, 11.1)."""
    tag = parameters.get("lang") or parameters.get("ui_locales", "").partition(" ")[0]
    return tag if len(tag) <= MAX_LANGUAGE else ""


def _description(parameters: Mapping[str, str]) -> str:
    if len(parameters.get("clientData", "")) > MAX_CLIENT_DATA:
        raise invalid("clientData")
    description = parameters.get("description", "")
    if len(description) > MAX_DESCRIPTION:
        raise invalid("description")
    return description


def _must_log_in(parameters: Mapping[str, str]) -> bool:
    """Read `prompt` (OpenID Connect Core 1.0, 3.1.2.1; interoperability rule O12)."""
    prompts = parameters.get("prompt", "").split()
    if "none" in prompts:
        raise ProblemError(400, "interaction_required", "The signer has to be asked")
    return "login" in prompts
