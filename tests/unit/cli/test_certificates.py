"""The test CA: what it issues must be fit to sign, and only that (SA-07)."""

import stat

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.verification import ExtensionPolicy, PolicyBuilder, Store

from csc_server.cli.dev.certificates import distinguished_name, load_authority, make_authority
from csc_server.cli.dev.seeds import SUBJECTS
from csc_server.policy.key_usage import read_signing_certificate

ALICE, HANAKO = (distinguished_name(attributes) for attributes in SUBJECTS.values())
KEYS = [ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65537, 2048)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ca")
    make_authority(folder)
    return folder


def issued(folder, key=KEYS[0], subject=ALICE):
    public_key = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    chain = load_authority(folder).certify(public_key, subject)
    return [x509.load_der_x509_certificate(each) for each in chain]


@pytest.mark.parametrize("key", KEYS)
def test_SA_07_end_entity_certificates_are_fit_to_sign_and_nothing_else(folder, key):
    certificate = issued(folder, key)[0]
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage)

    assert read_signing_certificate(certificate)
    assert usage.critical
    assert usage.value.content_commitment
    assert not any(
        (
            usage.value.digital_signature,
            usage.value.key_encipherment,
            usage.value.data_encipherment,
            usage.value.key_agreement,
            usage.value.key_cert_sign,
            usage.value.crl_sign,
        )
    )
    with pytest.raises(x509.ExtensionNotFound):
        certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)


def test_the_chain_links_from_the_signer_to_the_root(folder):
    certificate, issuing, root = issued(folder)

    certificate.verify_directly_issued_by(issuing)
    issuing.verify_directly_issued_by(root)
    root.verify_directly_issued_by(root)
    assert (folder / "root.pem").read_bytes() == root.public_bytes(Encoding.PEM)


def test_the_issuing_ca_has_nothing_below_it_but_signers(folder):
    _, issuing, root = issued(folder)

    constraints = [each.extensions.get_extension_for_class(x509.BasicConstraints) for each in (issuing, root)]

    assert [each.value.path_length for each in constraints] == [0, 1]
    assert all(each.critical and each.value.ca for each in constraints)
    assert all(each.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign for each in (issuing, root))


def test_an_independent_path_validation_accepts_the_chain(folder):
    certificate, issuing, root = issued(folder)
    authorities, signers = ExtensionPolicy.webpki_defaults_ca(), ExtensionPolicy.permit_all()
    builder = PolicyBuilder().store(Store([root])).extension_policies(ca_policy=authorities, ee_policy=signers)

    verified = builder.build_client_verifier().verify(certificate, [issuing])

    assert len(verified.chain) == 3


def test_certificates_live_one_to_two_years(folder):
    certificate = issued(folder)[0]

    days = (certificate.not_valid_after_utc - certificate.not_valid_before_utc).days

    assert 365 <= days <= 731


def test_a_japanese_subject_is_utf8_and_the_country_printable(folder):
    subject = issued(folder, subject=HANAKO)[0].subject.public_bytes()

    assert "山田 花子".encode() in subject
    assert b"\x13\x02JP" in subject  # 0x13: PrintableString (X.680)


def test_serial_numbers_differ(folder):
    assert issued(folder)[0].serial_number != issued(folder)[0].serial_number


def test_SC_07_keys_of_the_ca_are_private(folder):
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.glob("*.key")}

    assert modes == {"root.key": 0o600, "issuing.key": 0o600}
