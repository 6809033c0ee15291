"""What a client's registration must be before it is stored (OA-01, OA-04, OA-10, OA-16; decision 4)."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from csc_server.errors import MalformedInputError
from csc_server.storage.ports.web import ClientRow
from csc_server.values import ClientProfile, TokenBinding
from csc_server.web.authorization.clients import (
    KEY_METHODS,
    PRIVATE_KEY_JWT,
    SELF_SIGNED_TLS,
    TLS_CLIENT_AUTH,
    RegisteredClient,
)
from csc_server.web.authorization.public_keys import read_certificates, read_key_set

SECRET_METHODS = ("client_secret_basic", "client_secret_post")
AUTH_METHODS = (*SECRET_METHODS, PRIVATE_KEY_JWT, TLS_CLIENT_AUTH, SELF_SIGNED_TLS, "none")
GRANTS = ("authorization_code", "refresh_token", "client_credentials")
_TLS_METHODS = frozenset({TLS_CLIENT_AUTH, SELF_SIGNED_TLS})
_LOOPBACK = frozenset({"127.0.0.1", "::1"})


def faults(row: ClientRow) -> Iterator[str]:
    """Yield every fault of a registration, a sentence each."""
    yield from _method_faults(row)
    yield from _grant_faults(row)
    for uri in row.redirect_uris:
        yield from _redirect_faults(uri, is_public=RegisteredClient(row).is_public)
    if row.profile is ClientProfile.FAPI2:
        if KEY_METHODS.isdisjoint(row.auth_methods):
            yield "A fapi2 client authenticates with a key: private_key_jwt, or TLS."
        if row.token_binding is TokenBinding.NONE:
            yield "Tokens of a fapi2 client are bound: name --token-binding."


def _method_faults(row: ClientRow) -> Iterator[str]:
    methods = set(row.auth_methods)
    if len(methods) != 1 and methods != set(SECRET_METHODS):
        yield "A client authenticates by exactly one method."
    if PRIVATE_KEY_JWT in methods and not _has_keys(row):
        yield "private_key_jwt needs the client's public keys: --jwks-file."
    if SELF_SIGNED_TLS in methods and not _has_certificates(row):
        yield "self_signed_tls_client_auth needs the client's certificates, x5c of --jwks-file."
    if (TLS_CLIENT_AUTH in methods) is not bool(row.tls_subject):
        yield "tls_client_auth needs --tls-subject, and nothing else does."
    if row.jwks and methods.isdisjoint({PRIVATE_KEY_JWT, SELF_SIGNED_TLS}):
        yield "Keys are registered for private_key_jwt and self_signed_tls_client_auth alone."
    if row.token_binding is TokenBinding.TLS and methods.isdisjoint(_TLS_METHODS):
        yield "Tokens are bound to a TLS certificate where the client authenticates with one."


def _grant_faults(row: ClientRow) -> Iterator[str]:
    if not row.grant_types or not row.scopes:
        yield "A client without a grant or without a scope can do nothing."
    if "client_credentials" in row.grant_types and RegisteredClient(row).is_public:
        yield "The grant client_credentials is for clients that authenticate."
    if "authorization_code" in row.grant_types and not row.redirect_uris:
        yield "The grant authorization_code needs a redirect URI."


def _redirect_faults(uri: str, *, is_public: bool) -> Iterator[str]:
    try:
        parts = urlsplit(uri)
        well_formed = bool(parts.hostname) and parts.port != 0 and parts.username is None
    except ValueError:
        well_formed = False
    if not well_formed or not uri.isascii() or not uri.isprintable() or " " in uri or "#" in uri or "\\" in uri:
        yield f"{uri} is no absolute URI without fragment."
    elif parts.scheme == "http" and not (is_public and parts.hostname in _LOOPBACK):
        yield f"{uri}: http is for loopback addresses of public clients alone."
    elif parts.scheme not in {"https", "http"}:
        yield f"{uri} is neither https nor http."


def _has_keys(row: ClientRow) -> bool:
    try:
        return bool(read_key_set(row.jwks))
    except MalformedInputError:
        return False


def _has_certificates(row: ClientRow) -> bool:
    try:
        return bool(read_certificates(row.jwks))
    except MalformedInputError:
        return False
