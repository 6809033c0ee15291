"""oauth2/authorize: from query parameters to a stored interaction (RFC 6749, 4.1.1; CSC 1.0.4.0, 8.3.2; 2.x, 8.4.2).

Client and redirect URI come first; only when both are right does an error travel by redirect (OA-05).
"""

from collections.abc import Mapping
from dataclasses import replace

from authlib.oauth2.rfc6749 import OAuth2Error

from csc_server.errors import ProblemError, UnavailableError
from csc_server.values import ApiVersion, ClientProfile
from csc_server.web.authorization.authorization_request import CREDENTIAL, SERVICE, AuthorizationRequest
from csc_server.web.authorization.client_authentication import find_client
from csc_server.web.authorization.clients import RegisteredClient
from csc_server.web.authorization.context import AuthorizationContext
from csc_server.web.authorization.details import GrantedDetails, read_details
from csc_server.web.authorization.interactions import start_interaction
from csc_server.web.authorization.parameters import invalid, missing
from csc_server.web.authorization.proof_key import read_challenge
from csc_server.web.authorization.refusals import strangers
from csc_server.web.authorization.responses import error_location
from csc_server.web.authorization.server import INVALID_SCOPE, GrantRequest, Server, translated
from csc_server.web.authorization.transactions import read_transaction

METHOD = "oauth2/authorize"

MAX_DESCRIPTION = 500
"""CSC 1.0.4.0, 8.3.2: `description` has at most 500 characters."""

MAX_LANGUAGE = 35
"""RFC 5646, 4.4.1: no registered language tag needs more."""

UNSUPPORTED_RESPONSE_TYPE = (
    "The authorization server does not support obtaining an authorization code using this method."
)
"""CSC 1.0.4.0, 10.1, table 3."""

_SEPARATE = ("credentialID", "signatureQualifier", "numSignatures", "hash", "hashes", "hashAlgorithmOID")
"""Parameters that must not stand beside authorization_details (CSC 2.0.0.2, 8.4.2)."""


def begin_authorization(server: Server, face: ApiVersion, parameters: Mapping[str, str]) -> str:
    """Return where to send the browser: to the signer's pages, or back to the client with an error.

    Raises:
        ProblemError: the client or its redirect URI is wrong, so nothing may be sent anywhere.
    """
    context = server.context
    with strangers(METHOD):
        client = _client(context, parameters)
        redirect_uri = _redirect_uri(client, parameters)
    unchecked = AuthorizationRequest(
        client_id=client.row.client_id,
        face=face,
        redirect_uri=redirect_uri,
        redirect_uri_given="redirect_uri" in parameters,
        scope="",
        state=parameters.get("state"),
    )
    try:
        with strangers(METHOD):
            request = _checked(server, client, parameters, unchecked)
        interaction = start_interaction(context, request)
    except ProblemError as error:
        return error_location(context, unchecked, error.error, error.description)
    except UnavailableError as error:
        return error_location(context, unchecked, "temporarily_unavailable", error.message)
    return f"{context.issuer}/interaction/{interaction.interaction_id}"


def _client(context: AuthorizationContext, parameters: Mapping[str, str]) -> RegisteredClient:
    client_id = parameters.get("client_id", "")
    if not client_id:
        raise missing("client_id")
    client = find_client(context.store, client_id)
    if client is None:
        raise invalid("client_id")
    return client


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


def _checked(
    server: Server, client: RegisteredClient, parameters: Mapping[str, str], unchecked: AuthorizationRequest
) -> AuthorizationRequest:
    """Check everything that has an answer by redirect, in the order of CSC's parameter table."""
    _check_response(parameters)
    granted = _details(server.context, unchecked.face, parameters)
    scope = _scope(client, parameters, has_details=granted is not None)
    _ask_authlib(server, client, parameters, unchecked, scope)
    request = replace(
        unchecked,
        scope=scope,
        code_challenge=read_challenge(parameters, client),
        language=_language(parameters),
        description=_description(parameters),
        must_log_in=_must_log_in(parameters),
    )
    if scope == SERVICE:
        return request
    if granted is not None:
        return replace(request, transaction=granted.transaction, details=granted.echo)
    return replace(
        request,
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
    # Pushed and signed requests come with a later issue; ignoring one here would approve something else.
    for name in ("request", "request_uri"):
        if name in parameters:
            raise ProblemError(400, f"{name}_not_supported", f"The parameter {name} is not supported")


def _details(context: AuthorizationContext, face: ApiVersion, parameters: Mapping[str, str]) -> GrantedDetails | None:
    text = parameters.get("authorization_details", "")
    if not text:
        return None
    if face is ApiVersion.V1:
        raise invalid("authorization_details")
    granted = read_details(text, max_hashes=context.settings.limits.hashes_per_request)
    for name in _SEPARATE:
        if name in parameters:
            raise invalid(name)
    return granted


def _scope(client: RegisteredClient, parameters: Mapping[str, str], *, has_details: bool) -> str:
    """Return the one scope asked for; `credential` beside details is superfluous but common (rule O10)."""
    scope = parameters.get("scope", CREDENTIAL if has_details else SERVICE)
    known = scope == CREDENTIAL or (scope == SERVICE and not has_details)
    if not known or client.get_allowed_scope(scope) is None:
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
    values = {**parameters, "scope": scope, "redirect_uri": request.redirect_uri}
    try:
        server.get_consent_grant(GrantRequest("GET", request.face, values, client))
    except OAuth2Error as error:
        raise translated(error) from error


def _language(parameters: Mapping[str, str]) -> str:
    """Return the language tag asked for; an unknown one is never an error (CSC 1.0.4.0, 11.1)."""
    tag = parameters.get("lang") or parameters.get("ui_locales", "").partition(" ")[0]
    return tag if len(tag) <= MAX_LANGUAGE else ""


def _description(parameters: Mapping[str, str]) -> str:
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
