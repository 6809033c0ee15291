"""Who signed a time-stamp token: a certificate for nothing but time stamps, under a trusted one (RFC 3161, 2.3).

The path to a trusted root is found and checked by `cryptography`; what is special to time stamps is here.
The status of the certificate is not asked for: a configured authority is replaced by the operator.
"""

import datetime as dt
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from asn1crypto import cms, tsp
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512, HashAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import Criticality, ExtensionPolicy, Policy, PolicyBuilder, Store, VerificationError

from csc_server.errors import CscServerError

MAX_CERTIFICATES = 10
"""In a token: more make no path, only work."""
MIN_RSA_BITS = 2048
"""ETSI TS 119 312, 6.2."""

_HASHES: dict[str, HashAlgorithm] = {"sha256": SHA256(), "sha384": SHA384(), "sha512": SHA512()}


class UntrustedSignerError(CscServerError):
    """A token that nobody who is believed has signed."""


@dataclass(frozen=True)
class Trust:
    """Certificates that are believed: roots, or an authority's own."""

    certificates: tuple[x509.Certificate, ...]

    @classmethod
    def read(cls, pem: bytes) -> Self:
        """Return the certificates of a PEM file; ValueError when there are none."""
        return cls(tuple(x509.load_pem_x509_certificates(pem)))


def check_signer(signed: cms.SignedData, trust: Trust, now: dt.datetime) -> None:
    """Check who signed a token and that the signature is theirs, else raise UntrustedSignerError.

    Raises:
        ValueError, TypeError, KeyError and others of asn1crypto: the token is malformed.
    """
    if len(signed["signer_infos"]) != 1:
        raise UntrustedSignerError("not exactly one signer")
    signer = signed["signer_infos"][0]
    attributes = _attributes(signer)
    certificates = _certificates(signed)
    certificate = _identified(certificates, attributes, signer["sid"])
    _check_purpose(certificate)
    _check_path(certificate, certificates, trust, now)
    _check_signature(certificate, signer, attributes, bytes(signed["encap_content_info"]["content"]))


def _attributes(signer: cms.SignerInfo) -> dict[str, Any]:
    """Return the signed attributes, each of which stands once and has one value (RFC 5652, 11)."""
    found: dict[str, Any] = {}
    for attribute in signer["signed_attrs"]:
        name = attribute["type"].native
        if name in found or len(attribute["values"]) != 1:
            raise UntrustedSignerError("a signed attribute stands twice")
        found[name] = attribute["values"][0]
    return found


def _certificates(signed: cms.SignedData) -> list[x509.Certificate]:
    given = signed["certificates"]
    if len(given) > MAX_CERTIFICATES:
        raise UntrustedSignerError("too many certificates")
    return [x509.load_der_x509_certificate(each.chosen.dump()) for each in given if each.name == "certificate"]


def _identified(
    certificates: Sequence[x509.Certificate], attributes: dict[str, Any], identifier: cms.SignerIdentifier
) -> x509.Certificate:
    """Return the certificate that the signature itself names by its hash (RFC 5035; RFC 3161, 2.4.2)."""
    for certificate in certificates:
        if _is_named(certificate, attributes) and _is_identified(certificate, identifier):
            return certificate
    raise UntrustedSignerError("the signature names no certificate of the token")


def _is_named(certificate: x509.Certificate, attributes: dict[str, Any]) -> bool:
    der = certificate.public_bytes(Encoding.DER)
    second = attributes.get("signing_certificate_v2")
    if isinstance(second, tsp.SigningCertificateV2):
        named = second["certs"][0]
        algorithm = named["hash_algorithm"]["algorithm"].native
        return bool(algorithm in _HASHES and hashlib.new(algorithm, der).digest() == named["cert_hash"].native)
    first = attributes.get("signing_certificate")
    if isinstance(first, tsp.SigningCertificate):  # SHA-1 names here and proves nothing; the path does
        return bool(hashlib.sha1(der, usedforsecurity=False).digest() == first["certs"][0]["cert_hash"].native)
    return False


def _is_identified(certificate: x509.Certificate, identifier: cms.SignerIdentifier) -> bool:
    if identifier.name == "issuer_and_serial_number":
        named = identifier.chosen
        issuer = certificate.issuer.public_bytes()
        return bool(named["serial_number"].native == certificate.serial_number and named["issuer"].dump() == issuer)
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    except x509.ExtensionNotFound:
        return False
    return bool(identifier.native == extension.value.digest)


def _check_purpose(certificate: x509.Certificate) -> None:
    """Demand the extended key usage timeStamping, critical and alone (RFC 3161, 2.3)."""
    try:
        extension = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except x509.ExtensionNotFound as error:
        raise UntrustedSignerError("no certificate of a time-stamping authority") from error
    if not extension.critical or list(extension.value) != [ExtendedKeyUsageOID.TIME_STAMPING]:
        raise UntrustedSignerError("no certificate of a time-stamping authority")


def _check_path(
    certificate: x509.Certificate, others: Sequence[x509.Certificate], trust: Trust, now: dt.datetime
) -> None:
    """Find a path to a trusted certificate, all of it valid now; the certificate itself may be the trusted one.

    That BasicConstraints say "authority" is the library's own check; what keys are for is left to the caller.
    """
    if certificate in trust.certificates:
        if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
            raise UntrustedSignerError("the certificate is not valid now")
        return
    authorities = (
        ExtensionPolicy.permit_all()
        .require_present(x509.BasicConstraints, Criticality.AGNOSTIC, None)
        .may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _signs_certificates)
    )
    builder = PolicyBuilder().store(Store(list(trust.certificates))).time(now)
    policy = builder.extension_policies(ca_policy=authorities, ee_policy=ExtensionPolicy.permit_all())
    try:
        policy.build_client_verifier().verify(certificate, [each for each in others if each != certificate])
    except VerificationError as error:
        raise UntrustedSignerError("no path to a trusted certificate") from error


def _signs_certificates(_: Policy, __: x509.Certificate, extension: x509.KeyUsage | None) -> None:
    if extension is not None and not extension.key_cert_sign:
        raise ValueError("a key that may not sign certificates")


def _check_signature(
    certificate: x509.Certificate, signer: cms.SignerInfo, attributes: dict[str, Any], content: bytes
) -> None:
    """Check the digest of the content and the signature over the attributes (RFC 5652, 5.4 and 5.6)."""
    digest = signer["digest_algorithm"]["algorithm"].native
    if digest not in _HASHES or attributes["content_type"].native != "tst_info":
        raise UntrustedSignerError("not an algorithm or content that is believed")
    if attributes["message_digest"].native != hashlib.new(digest, content).digest():
        raise UntrustedSignerError("the signature is for another content")
    try:
        _verify(certificate, signer, digest)
    except InvalidSignature as error:
        raise UntrustedSignerError("the signature is not the certificate's") from error


def _verify(certificate: x509.Certificate, signer: cms.SignerInfo, digest: str) -> None:
    algorithm = signer["signature_algorithm"]
    scheme = algorithm.signature_algo
    named = digest if algorithm["algorithm"].native == "rsassa_pkcs1v15" else algorithm.hash_algo
    key, value, data = certificate.public_key(), signer["signature"].native, signer["signed_attrs"].untag().dump()
    if named != digest:
        raise UntrustedSignerError("two digest algorithms in one signature")
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= MIN_RSA_BITS and scheme == "rsassa_pkcs1v15":
        key.verify(value, data, padding.PKCS1v15(), _HASHES[digest])
    elif isinstance(key, rsa.RSAPublicKey) and key.key_size >= MIN_RSA_BITS and scheme == "rsassa_pss":
        salt = algorithm["parameters"]["salt_length"].native
        key.verify(value, data, padding.PSS(padding.MGF1(_HASHES[digest]), salt), _HASHES[digest])
    elif isinstance(key, ec.EllipticCurvePublicKey) and scheme == "ecdsa":
        key.verify(value, data, ec.ECDSA(_HASHES[digest]))
    else:
        raise UntrustedSignerError("not a scheme or key that is believed")
