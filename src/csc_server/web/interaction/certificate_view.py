"""What a signer can recognise a certificate by (RFC 5280, 4.1.2)."""

from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class CertificateView:
    """Names as RFC 4514 text with the common name apart, the serial number as hexadecimal octets."""

    subject: str
    subject_full: str
    issuer: str
    issuer_full: str
    serial: str
    valid_to: datetime


def view_certificate(der: bytes) -> CertificateView | None:
    """Return the view of a DER certificate that the signer process sent; None if it cannot be read."""
    try:
        certificate = x509.load_der_x509_certificate(der)
        subject, issuer = certificate.subject, certificate.issuer
        return CertificateView(
            subject=_common_name(subject),
            subject_full=subject.rfc4514_string(),
            issuer=_common_name(issuer),
            issuer_full=issuer.rfc4514_string(),
            serial=_octets(certificate.serial_number),
            valid_to=certificate.not_valid_after_utc.astimezone(UTC),
        )
    except ValueError:
        return None


def _common_name(name: x509.Name) -> str:
    for oid in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME):
        values = name.get_attributes_for_oid(oid)
        if values:
            return str(values[0].value)
    return name.rfc4514_string()


def _octets(number: int) -> str:
    digits = f"{number:x}"
    digits = digits.zfill(len(digits) + len(digits) % 2)
    return " ".join(digits[start : start + 2] for start in range(0, len(digits), 2))
