"""Which certificate may stand behind a signature (RFC 5280, 4.2.1; SA-07)."""

from dataclasses import dataclass
from typing import TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

FORBIDDEN_PURPOSES = frozenset(
    {
        ExtendedKeyUsageOID.SERVER_AUTH,
        ExtendedKeyUsageOID.CLIENT_AUTH,
        ExtendedKeyUsageOID.CODE_SIGNING,
        ExtendedKeyUsageOID.TIME_STAMPING,
        ExtendedKeyUsageOID.OCSP_SIGNING,
        ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
    }
)
"""A signer's key with one of these could be led to sign for another protocol."""


@dataclass(frozen=True)
class SigningCertificate:
    """An end-entity certificate fit for signatures; times are seconds since the epoch, UTC."""

    public_key_info: bytes
    not_before: int
    not_after: int


class UnfitCertificateError(ValueError):
    """A certificate that may not stand behind a signature, and why."""


def read_signing_certificate(certificate: x509.Certificate) -> SigningCertificate:
    """Return what signing needs of a certificate, or raise UnfitCertificateError (SA-07)."""
    extensions = certificate.extensions
    if _is_authority(extensions):
        raise UnfitCertificateError("a CA certificate")
    usage = _extension(extensions, x509.KeyUsage)
    if usage is None or not usage.content_commitment:
        raise UnfitCertificateError("key usage without nonRepudiation")
    if usage.key_cert_sign or usage.crl_sign:
        raise UnfitCertificateError("key usage of a CA")
    purposes = _extension(extensions, x509.ExtendedKeyUsage)
    if purposes is not None and FORBIDDEN_PURPOSES.intersection(purposes):
        raise UnfitCertificateError("an extended key usage of another protocol")
    return SigningCertificate(
        certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        int(certificate.not_valid_before_utc.timestamp()),
        int(certificate.not_valid_after_utc.timestamp()),
    )


def may_issue(certificate: x509.Certificate, authorities_below: int) -> bool:
    """Tell whether a certificate is an authority's, for a path with so many others below it (RFC 5280, 6.1.4, k to n).

    Raises one of `certificates.UNREADABLE` for extensions that cannot be read.
    """
    extensions = certificate.extensions
    constraints, usage = _extension(extensions, x509.BasicConstraints), _extension(extensions, x509.KeyUsage)
    if constraints is None or not constraints.ca or (usage is not None and not usage.key_cert_sign):
        return False
    return constraints.path_length is None or authorities_below <= constraints.path_length


def _is_authority(extensions: x509.Extensions) -> bool:
    constraints = _extension(extensions, x509.BasicConstraints)
    return constraints is not None and constraints.ca


_ExtensionT = TypeVar("_ExtensionT", bound=x509.ExtensionType)


def _extension(extensions: x509.Extensions, kind: type[_ExtensionT]) -> _ExtensionT | None:
    try:
        return extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
