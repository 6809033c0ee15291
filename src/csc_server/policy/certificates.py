"""What the API tells of a certificate (RFC 5280, 4.1; CSC 1.0.4.0, 11.5 cert).

Names are RFC 4514 text, most specific name first, that Java's X500Principal reads: only the nine keywords
of RFC 4514, 3 are used, every other attribute type is a dotted OID (interoperability rule A8).
"""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509.oid import NameOID

MAX_CERTIFICATE = 65_536
"""Bytes (IN-03)."""

UNREADABLE = (
    ValueError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
"""What loading a certificate from outside, or reading a part of it, may raise; only the first is a ValueError."""


@dataclass(frozen=True)
class CertificateFacts:
    """Times are GeneralizedTime `YYYYMMDDHHMMSSZ` (A9); the serial is hex digits, an even number of them.

    `not_before` and `not_after` are whole seconds since the epoch; `holder` is O and CN for the text of an
    expired certificate (CSC 1.0.4.0, 11.9), `policies` are dotted OIDs.
    """

    subject: str
    issuer: str
    serial_number: str
    valid_from: str
    valid_to: str
    not_before: int
    not_after: int
    holder: str
    policies: tuple[str, ...] = ()

    def is_in_time(self, now: int) -> bool:
        return self.not_before <= now <= self.not_after


@lru_cache(maxsize=4096)
def read_certificate(der: bytes) -> CertificateFacts:
    """Return the facts of a certificate from the signer's registry.

    Raises:
        ValueError: it is no X.509 certificate in DER.
    """
    if len(der) > MAX_CERTIFICATE:
        raise ValueError("certificate too large")
    certificate = x509.load_der_x509_certificate(der)
    serial = f"{certificate.serial_number:X}"
    return CertificateFacts(
        subject=certificate.subject.rfc4514_string(),
        issuer=certificate.issuer.rfc4514_string(),
        serial_number=serial.zfill(len(serial) + len(serial) % 2),
        valid_from=_generalized_time(certificate.not_valid_before_utc),
        valid_to=_generalized_time(certificate.not_valid_after_utc),
        not_before=int(certificate.not_valid_before_utc.timestamp()),
        not_after=int(certificate.not_valid_after_utc.timestamp()),
        holder=_holder(certificate.subject),
        policies=_policies(certificate),
    )


def _policies(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.CertificatePolicies).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, x509.UnsupportedGeneralNameType, ValueError):
        return ()
    return tuple(policy.policy_identifier.dotted_string for policy in found)


def _generalized_time(time: datetime) -> str:
    return time.strftime("%Y%m%d%H%M%SZ")


def _holder(subject: x509.Name) -> str:
    kinds = (("O", NameOID.ORGANIZATION_NAME), ("CN", NameOID.COMMON_NAME))
    found = [(label, subject.get_attributes_for_oid(oid)) for label, oid in kinds]
    return ",".join(f"{label}={attributes[0].value!s}" for label, attributes in found if attributes)
