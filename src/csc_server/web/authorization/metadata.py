"""The authorization server's metadata, made of what runs (RFC 8414; OA-21).

Addresses are those of the face that speaks the RFCs (decision 16). Each list is read from the module that decides
by it, so that nothing is told that is not so.
"""

from typing import Any

from csc_server.settings import WebSettings
from csc_server.values import ClientProfile
from csc_server.web.authorization.authorization_request import CREDENTIAL, SERVICE, offered_custody_scopes
from csc_server.web.authorization.clients import PRIVATE_KEY_JWT, SELF_SIGNED_TLS, TLS_CLIENT_AUTH
from csc_server.web.authorization.custody_details import TYPES as CUSTODY_TYPES
from csc_server.web.authorization.details import TYPES
from csc_server.web.authorization.faces import Face
from csc_server.web.authorization.signed_tokens import ALGORITHMS
from csc_server.web.authorization.token_endpoint import GRANTS

WELL_KNOWN = "/.well-known/oauth-authorization-server"
"""RFC 8414, 3: it stands between host and path of the issuer."""

LANGUAGES = ("en", "ja")
"""Of the signer's pages; a test holds them equal."""

ENDPOINTS = {
    "authorization_endpoint": "authorize",
    "token_endpoint": "token",
    "revocation_endpoint": "revoke",
    "introspection_endpoint": "introspect",
    "pushed_authorization_request_endpoint": "pushed_authorize",
}
"""RFC 8414, 2; RFC 9126, 5."""

_PLAIN = ("client_secret_basic", "client_secret_post", PRIVATE_KEY_JWT)
_TLS = (TLS_CLIENT_AUTH, SELF_SIGNED_TLS)


def describe_server(settings: WebSettings) -> dict[str, Any]:
    """Return the metadata; client certificates are offered where a proxy brings them."""
    issuer = settings.base_url.rstrip("/")
    has_tls = settings.listen.startswith("unix:")
    methods = [*_PLAIN, *(_TLS if has_tls else ())]
    members: dict[str, Any] = {"issuer": issuer}
    members |= {name: f"{issuer}{Face.RFC.path}/{endpoint}" for name, endpoint in ENDPOINTS.items()}
    for endpoint in ("token", "revocation", "introspection"):
        public = ["none"] if endpoint != "introspection" else []
        members[f"{endpoint}_endpoint_auth_methods_supported"] = methods + public
        members[f"{endpoint}_endpoint_auth_signing_alg_values_supported"] = list(ALGORITHMS)
    return members | {
        "scopes_supported": [SERVICE, CREDENTIAL, *offered_custody_scopes(settings)],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": [grant.GRANT_TYPE for grant in GRANTS],
        "code_challenge_methods_supported": ["S256"],
        "authorization_details_types_supported": sorted(
            TYPES | (CUSTODY_TYPES.keys() if offered_custody_scopes(settings) else set())
        ),
        "authorization_response_iss_parameter_supported": True,
        "require_pushed_authorization_requests": False,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "dpop_signing_alg_values_supported": list(ALGORITHMS),
        "tls_client_certificate_bound_access_tokens": has_tls,
        "ui_locales_supported": list(LANGUAGES),
        "client_profiles_supported": [profile.value for profile in ClientProfile],
    }
