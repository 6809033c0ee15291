"""Kinds of signature by the policies of a certificate."""

import datetime as dt

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID, ObjectIdentifier

from csc_server.policy.signature_qualifiers import ANY_POLICY, qualifiers_of

KEY = ec.generate_private_key(ec.SECP256R1())
NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test")])
START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
HPKI = "1.2.392.100495.1.5.1.1.3.1"


def certificate(*policies):
    built = (
        x509.CertificateBuilder()
        .subject_name(NAME)
        .issuer_name(NAME)
        .public_key(KEY.public_key())
        .serial_number(1)
        .not_valid_before(START)
        .not_valid_after(START + dt.timedelta(days=1))
    )
    if policies:
        listed = [x509.PolicyInformation(ObjectIdentifier(policy), None) for policy in policies]
        built = built.add_extension(x509.CertificatePolicies(listed), critical=False)
    return built.sign(KEY, hashes.SHA256()).public_bytes(Encoding.DER)


@pytest.mark.parametrize(
    ("policies", "kinds"),
    [
        ((), ()),
        (("0.4.0.194112.1.2",), ("eu_eidas_qes", "eu_eidas_aesqc")),
        (("0.4.0.194112.1.0",), ("eu_eidas_aesqc",)),
        (("0.4.0.194112.1.3",), ("eu_eidas_qeseal", "eu_eidas_aesealqc")),
        (("0.4.0.194112.1.1",), ("eu_eidas_aesealqc",)),
        ((HPKI,), ("jp_hpki_sign",)),
        ((ANY_POLICY,), ()),
    ],
)
def test_a_certificate_is_good_for_the_kinds_that_its_policies_name(policies, kinds):
    assert qualifiers_of(certificate(*policies), {"jp_hpki_sign": (HPKI,)}) == kinds


def test_a_kind_of_any_policy_takes_every_certificate():
    assert qualifiers_of(certificate(), {"jp_test_aes": (ANY_POLICY,)}) == ("jp_test_aes",)


def test_an_operator_may_narrow_a_european_kind():
    assert qualifiers_of(certificate("0.4.0.194112.1.2"), {"eu_eidas_qes": ()}) == ("eu_eidas_aesqc",)
