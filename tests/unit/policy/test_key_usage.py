"""Which certificates may stand behind a signature (SA-07; RFC 5280, 4.2.1.3, 4.2.1.9 and 4.2.1.12)."""

import datetime as dt
import hashlib
from dataclasses import replace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from csc_server.policy.key_usage import UnfitCertificateError, read_signing_certificate
from csc_server.signer.signing.credential import Credentials, UnusableCredentialError, link_mac
from csc_server.values import CredentialState, KeyType, Refusal
from fakes.software_device import SoftwareDevice
from stores import a_credential

BEGIN, END = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC), dt.datetime(2036, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
KEY = ec.generate_private_key(ec.SECP256R1())
PUBLIC_KEY = KEY.public_key()
DOCUMENT_SIGNING = x509.ObjectIdentifier("1.3.6.1.5.5.7.3.36")  # RFC 9336, 3.1
USAGES = (
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
    "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
)  # fmt: skip

FIT = {
    "non-repudiation alone": {},
    "with digitalSignature": {"usages": ("content_commitment", "digital_signature")},
    "without basic constraints": {"authority": None},
    "for documents": {"purposes": (DOCUMENT_SIGNING,)},
    "for mail and documents": {"purposes": (ExtendedKeyUsageOID.EMAIL_PROTECTION, DOCUMENT_SIGNING)},
}
UNFIT = {
    "TLS server": {"purposes": (x509.ObjectIdentifier("1.3.6.1.5.5.7.3.1"),)},
    "TLS client": {"purposes": (x509.ObjectIdentifier("1.3.6.1.5.5.7.3.2"),)},
    "code": {"purposes": (x509.ObjectIdentifier("1.3.6.1.5.5.7.3.3"),)},
    "time stamps": {"purposes": (x509.ObjectIdentifier("1.3.6.1.5.5.7.3.8"),)},
    "OCSP": {"purposes": (x509.ObjectIdentifier("1.3.6.1.5.5.7.3.9"),)},
    "any purpose": {"purposes": (x509.ObjectIdentifier("2.5.29.37.0"),)},
    "TLS beside documents": {"purposes": (DOCUMENT_SIGNING, ExtendedKeyUsageOID.SERVER_AUTH)},
    "CA": {"authority": True, "usages": ("key_cert_sign", "crl_sign")},
    "CA with non-repudiation": {"authority": True},
    "no key usage": {"usages": None},
    "digitalSignature only": {"usages": ("digital_signature",)},
    "encipherment only": {"usages": ("key_encipherment",)},
    "keyCertSign beside it": {"usages": ("content_commitment", "key_cert_sign")},
    "cRLSign beside it": {"usages": ("content_commitment", "crl_sign")},
}


def certificate(*, usages=("content_commitment",), purposes=(), authority=False, key=PUBLIC_KEY):
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "signer")])
    builder = x509.CertificateBuilder(name, name, key, 1, BEGIN, END)
    if authority is not None:
        builder = builder.add_extension(x509.BasicConstraints(authority, None), critical=True)
    if usages is not None:
        builder = builder.add_extension(x509.KeyUsage(**{name: name in usages for name in USAGES}), critical=True)
    if purposes:
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
    return builder.sign(KEY, hashes.SHA256())


def credential_of(device, **changes):
    """A row whose link is right, whatever its certificate."""
    facts = device.generate_key(KeyType.P_256)
    leaf = certificate(key=serialization.load_der_public_key(facts.public_key), **changes)
    row = a_credential(
        key_handle=facts.handle,
        key_fingerprint=hashlib.sha256(facts.public_key).digest(),
        certificates=(leaf.public_bytes(serialization.Encoding.DER),),
    )
    return replace(row, link_mac=link_mac(device, row))


@pytest.mark.parametrize("changes", FIT.values(), ids=FIT)
def test_SA_07_a_signers_certificate_is_fit(changes):
    facts = read_signing_certificate(certificate(**changes))

    assert serialization.load_der_public_key(facts.public_key_info) == PUBLIC_KEY
    assert (facts.not_before, facts.not_after) == (int(BEGIN.timestamp()), int(END.timestamp()))


@pytest.mark.parametrize("changes", UNFIT.values(), ids=UNFIT)
def test_SA_07_a_certificate_for_anything_else_is_not(changes):
    with pytest.raises(UnfitCertificateError):
        read_signing_certificate(certificate(**changes))


@pytest.mark.parametrize("changes", FIT.values(), ids=FIT)
def test_SA_07_a_credential_with_a_fit_certificate_is_usable(changes):
    device = SoftwareDevice()
    row = credential_of(device, **changes)
    usable = Credentials(device, device.keys()).prove(row)

    usable.check(CredentialState.ACTIVE, int(BEGIN.timestamp()))
    assert usable.row == row


@pytest.mark.parametrize("changes", UNFIT.values(), ids=UNFIT)
def test_SA_07_a_credential_with_an_unfit_certificate_is_refused(changes):
    device = SoftwareDevice()
    row = credential_of(device, **changes)
    with pytest.raises(UnusableCredentialError) as caught:
        Credentials(device, device.keys()).prove(row)

    assert caught.value.refusal is Refusal.CREDENTIAL_DISABLED
