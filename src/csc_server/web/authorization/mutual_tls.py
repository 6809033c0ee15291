"""tls_client_auth and self_signed_tls_client_auth: a client proves itself in its TLS handshake (RFC 8705, 2).

The proxy has verified possession of the key and, where it could, the path to its configured authorities;
which certificate is whose is decided here.
"""

import hmac
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address

from cryptography import x509

from csc_server.errors import MalformedInputError, ProblemError
from csc_server.policy.certificates import UNREADABLE
from csc_server.web.authorization.clients import SELF_SIGNED_TLS, TLS_CLIENT_AUTH, RegisteredClient
from csc_server.web.authorization.context import AuthorizationContext
from csc_server.web.authorization.public_keys import read_certificates
from csc_server.web.http.client_certificate import ClientCertificate

INVALID_CERTIFICATE = "Invalid client certificate"

Alternatives = Callable[[x509.SubjectAlternativeName], list[str]]

_ALTERNATIVES: dict[str, Alternatives] = {
    "tls_client_auth_san_dns": lambda names: names.get_values_for_type(x509.DNSName),
    "tls_client_auth_san_uri": lambda names: names.get_values_for_type(x509.UniformResourceIdentifier),
    "tls_client_auth_san_email": lambda names: names.get_values_for_type(x509.RFC822Name),
    "tls_client_auth_san_ip": lambda names: [
        str(address)
        for address in names.get_values_for_type(x509.IPAddress)
        if isinstance(address, IPv4Address | IPv6Address)
    ],
}
"""RFC 8705, 2.1.2, but for the subject."""
SUBJECT = "tls_client_auth_subject_dn"


def check_certificate(
    context: AuthorizationContext, client: RegisteredClient, certificate: ClientCertificate | None
) -> None:
    """Let the client of this certificate pass.

    Raises:
        ProblemError: 401 `invalid_client`: no certificate, one of somebody else, out of its time, or not verified.
    """
    if certificate is None:
        raise ProblemError(401, "invalid_client", "A client certificate is required")
    if client.check_endpoint_auth_method(TLS_CLIENT_AUTH, "token"):
        is_theirs = certificate.is_verified and names_client(certificate.parsed, client.row.tls_subject)
    elif client.check_endpoint_auth_method(SELF_SIGNED_TLS, "token"):
        is_theirs = _is_registered(client, certificate) and _is_in_time(context, certificate.parsed)
    else:
        is_theirs = False
    if not is_theirs:
        raise ProblemError(401, "invalid_client", INVALID_CERTIFICATE)


def names_client(certificate: x509.Certificate, subject: str) -> bool:
    """Whether a certificate bears the one name that was registered, character by character.

    Args:
        certificate: of the peer.
        subject: `ClientRow.tls_subject`: a name of RFC 8705, 2.1.2, "=", and its value; a distinguished name in
            the form of RFC 4514.
    """
    kind, _, value = subject.partition("=")
    if not value:
        return False
    if kind == SUBJECT:
        try:
            return _attributes(certificate.subject) == _attributes(x509.Name.from_rfc4514_string(value))
        except ValueError:
            return False
    find = _ALTERNATIVES.get(kind)
    return find is not None and value in _alternatives(certificate, find)


def _alternatives(certificate: x509.Certificate, find: Alternatives) -> list[str]:
    try:
        return find(certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except (x509.ExtensionNotFound, *UNREADABLE):
        return []


def _attributes(name: x509.Name) -> list[set[tuple[str, str | bytes]]]:
    """Return what a name says, whatever string types its encoding uses."""
    return [{(each.oid.dotted_string, each.value) for each in part} for part in name.rdns]


def _is_registered(client: RegisteredClient, certificate: ClientCertificate) -> bool:
    try:
        registered = read_certificates(client.row.jwks)
    except MalformedInputError:
        return False
    return any(hmac.compare_digest(each, certificate.der) for each in registered)


def _is_in_time(context: AuthorizationContext, certificate: x509.Certificate) -> bool:
    begin, end = certificate.not_valid_before_utc.timestamp(), certificate.not_valid_after_utc.timestamp()
    return begin <= context.clock.seconds() <= end
