"""The test CA of the development server: a root, an issuing CA and end-entity certificates.

Profiles after RFC 5280, 4.2.1; the end-entity certificates are what signing demands (SA-07):
key usage nonRepudiation alone and no extended key usage. They name no revocation service, there is none.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_public_key,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from csc_server.cli.dev.folder import write_private
from csc_server.errors import CscServerError

_AUTHORITY_LIFETIME = dt.timedelta(days=3650)
_SIGNER_LIFETIME = dt.timedelta(days=730)
_NAMES = ("root", "issuing")
_BACKDATED = dt.timedelta(minutes=5)
"""Clocks of verifiers run a little behind ours."""


def distinguished_name(attributes: Sequence[tuple[x509.ObjectIdentifier, str]]) -> x509.Name:
    """Return a name: the country in PrintableString, the rest in UTF8String (RFC 5280, 4.1.2.4)."""
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in attributes])


@dataclass(frozen=True)
class Authority:
    """One CA of the chain: its key and its certificate."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    def issue(self, builder: x509.CertificateBuilder) -> x509.Certificate:
        """Sign a certificate under this CA, with the key identifier of RFC 5280, 4.2.1.1."""
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        named = builder.issuer_name(self.certificate.subject).add_extension(identifier, critical=False)
        return named.sign(self.key, SHA256())


@dataclass(frozen=True)
class DevelopmentAuthority:
    """The chain that issues every certificate of a development server."""

    root: x509.Certificate
    issuing: Authority

    def certify(
        self, public_key: bytes, subject: x509.Name, policy: str = "", lifetime: dt.timedelta = _SIGNER_LIFETIME
    ) -> tuple[bytes, ...]:
        """Return a signer's chain in DER, end entity first, root last.

        Args:
            public_key: SubjectPublicKeyInfo, DER.
            subject: whose key it is.
            policy: dotted OID of the policy to issue under, or "".
            lifetime: of the end-entity certificate, from now.
        """
        key = load_der_public_key(public_key)
        if not isinstance(key, (rsa.RSAPublicKey, ec.EllipticCurvePublicKey)):
            raise CscServerError("The device made a key of a kind that signers do not use.")
        builder = _profile(subject, key, lifetime, x509.BasicConstraints(ca=False, path_length=None))
        builder = builder.add_extension(_key_usage(signer=True), critical=True)
        if policy:
            information = x509.PolicyInformation(x509.ObjectIdentifier(policy), None)
            builder = builder.add_extension(x509.CertificatePolicies([information]), critical=False)
        certificate = self.issuing.issue(builder)
        chain = (certificate, self.issuing.certificate, self.root)
        return tuple(each.public_bytes(Encoding.DER) for each in chain)


def make_authority(folder: Path) -> DevelopmentAuthority:
    """Make the root and the issuing CA and write them to a folder, keys as files of mode 0600."""
    root_name = distinguished_name([(NameOID.COUNTRY_NAME, "JP"), (NameOID.COMMON_NAME, "csc-server development root")])
    root_key = ec.generate_private_key(ec.SECP256R1())
    builder = _authority_profile(root_name, root_key, path_length=1).issuer_name(root_name)
    root = Authority(root_key, builder.sign(root_key, SHA256()))
    name = distinguished_name(
        [(NameOID.COUNTRY_NAME, "JP"), (NameOID.COMMON_NAME, "csc-server development issuing CA")]
    )
    key = ec.generate_private_key(ec.SECP256R1())
    issuing = Authority(key, root.issue(_authority_profile(name, key, path_length=0)))
    for label, authority in (("root", root), ("issuing", issuing)):
        private = authority.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        write_private(folder / f"{label}.key", private)
        write_private(folder / f"{label}.pem", authority.certificate.public_bytes(Encoding.PEM))
    return DevelopmentAuthority(root.certificate, issuing)


def load_authority(folder: Path) -> DevelopmentAuthority:
    """Return the CA that `make_authority` wrote."""
    key = load_pem_private_key((folder / "issuing.key").read_bytes(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise CscServerError("The key of the development CA is of another kind.", advice="Start with a new folder.")
    root, issuing = (x509.load_pem_x509_certificate((folder / f"{name}.pem").read_bytes()) for name in _NAMES)
    return DevelopmentAuthority(root, Authority(key, issuing))


def _authority_profile(name: x509.Name, key: ec.EllipticCurvePrivateKey, path_length: int) -> x509.CertificateBuilder:
    constraints = x509.BasicConstraints(ca=True, path_length=path_length)
    builder = _profile(name, key.public_key(), _AUTHORITY_LIFETIME, constraints)
    return builder.add_extension(_key_usage(signer=False), critical=True)


def _profile(
    subject: x509.Name,
    key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey,
    lifetime: dt.timedelta,
    constraints: x509.BasicConstraints,
) -> x509.CertificateBuilder:
    start = dt.datetime.now(dt.UTC).replace(microsecond=0) - _BACKDATED
    builder = x509.CertificateBuilder().subject_name(subject).public_key(key).serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(start).not_valid_after(start + _BACKDATED + lifetime)
    builder = builder.add_extension(constraints, critical=True)
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)


def _key_usage(*, signer: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=False,
        content_commitment=signer,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=not signer,
        crl_sign=not signer,
        encipher_only=False,
        decipher_only=False,
    )
