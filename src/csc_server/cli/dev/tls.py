"""Certificates for TLS from the test CA: the development server's own, and those of its clients (RFC 5280, 4.2.1)."""

import datetime as dt
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from csc_server.cli.dev.certificates import DevelopmentAuthority, distinguished_name
from csc_server.cli.dev.folder import write_private

DAYS = 398
"""What browsers take at most (CA/Browser Forum Baseline Requirements 2.0, 6.3.2)."""
_BACKDATED = dt.timedelta(minutes=5)


def certify_client(
    authority: DevelopmentAuthority, key: ec.EllipticCurvePrivateKey, subject: x509.Name
) -> x509.Certificate:
    """Return a certificate with which a client of this CA proves itself (RFC 8705, 2.1)."""
    return authority.issuing.issue(certificate_profile(key, subject, ExtendedKeyUsageOID.CLIENT_AUTH))


def self_certified(key: ec.EllipticCurvePrivateKey, subject: x509.Name) -> x509.Certificate:
    """Return a client's certificate that nobody else vouches for (RFC 8705, 2.2)."""
    return certificate_profile(key, subject, ExtendedKeyUsageOID.CLIENT_AUTH).issuer_name(subject).sign(key, SHA256())


def write_server_certificate(authority: DevelopmentAuthority, folder: Path, host: str) -> None:
    """Write `server.key` and `server.pem` (with the issuing CA's certificate), and `clients.pem`, the CA of clients.

    Args:
        authority: that issues.
        folder: private to its user.
        host: IP address that clients connect to; `localhost` is named beside it.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host)), x509.DNSName("localhost")])
    subject = distinguished_name([(NameOID.COUNTRY_NAME, "JP"), (NameOID.COMMON_NAME, host)])
    builder = certificate_profile(key, subject, ExtendedKeyUsageOID.SERVER_AUTH).add_extension(names, critical=False)
    issuing = authority.issuing.certificate.public_bytes(Encoding.PEM)
    write_private(folder / "server.key", key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    write_private(folder / "server.pem", authority.issuing.issue(builder).public_bytes(Encoding.PEM) + issuing)
    write_private(folder / "clients.pem", issuing + authority.root.public_bytes(Encoding.PEM))


def certificate_profile(
    key: ec.EllipticCurvePrivateKey, subject: x509.Name, usage: x509.ObjectIdentifier, *, critical_usage: bool = False
) -> x509.CertificateBuilder:
    """Return what is common to certificates that are no signer's: one extended key usage, digital signatures."""
    start = dt.datetime.now(dt.UTC).replace(microsecond=0) - _BACKDATED
    builder = x509.CertificateBuilder().subject_name(subject).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(start)
    builder = builder.not_valid_after(start + dt.timedelta(days=DAYS))
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=critical_usage)
    return builder.add_extension(_digital_signature(), critical=True)


def _digital_signature() -> x509.KeyUsage:
    others = (
        "content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign",
        "encipher_only", "decipher_only",
    )  # fmt: skip
    return x509.KeyUsage(digital_signature=True, **dict.fromkeys(others, False))
