"""What the API tells of a certificate (A8, A9; RFC 4514)."""

import datetime as dt

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from csc_server.policy.certificates import MAX_CERTIFICATE, read_certificate

BEGIN = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
END = dt.datetime(2027, 12, 31, 23, 59, 59, tzinfo=dt.UTC)


def certificate(*attributes, serial=0x1F):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(oid, value) for oid, value in attributes])
    builder = x509.CertificateBuilder(name, name, key.public_key(), serial, BEGIN, END)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


@pytest.mark.parametrize(
    ("attributes", "text"),
    [
        ([(NameOID.COUNTRY_NAME, "JP"), (NameOID.COMMON_NAME, "山田太郎")], "CN=山田太郎,C=JP"),
        ([(NameOID.COMMON_NAME, 'a,b+c"d\\e<f>g;h')], 'CN=a\\,b\\+c\\"d\\\\e\\<f\\>g\\;h'),
        ([(NameOID.COMMON_NAME, " #x ")], "CN=\\ #x\\ "),
        ([(NameOID.ORGANIZATION_IDENTIFIER, "NTRJP-1")], "2.5.4.97=NTRJP-1"),
        ([(NameOID.SURNAME, "Yamada"), (NameOID.GIVEN_NAME, "Taro")], "2.5.4.42=Taro,2.5.4.4=Yamada"),
        ([(NameOID.TITLE, "doctor")], "2.5.4.12=doctor"),
    ],
)
def test_A8_names_are_rfc_4514_with_dotted_oids_for_the_unusual(attributes, text):
    assert read_certificate(certificate(*attributes)).subject == text


def test_A9_times_are_generalized_time_without_fraction():
    facts = read_certificate(certificate((NameOID.COMMON_NAME, "x")))

    assert (facts.valid_from, facts.valid_to) == ("20260102030405Z", "20271231235959Z")


@pytest.mark.parametrize(("serial", "text"), [(1, "01"), (0x1F, "1F"), (0xABC, "0ABC"), (2**159 - 1, "7F" + "FF" * 19)])
def test_serial_is_upper_case_hex_octets(serial, text):
    assert read_certificate(certificate((NameOID.COMMON_NAME, "x"), serial=serial)).serial_number == text


def test_in_time_includes_both_ends():
    facts = read_certificate(certificate((NameOID.COMMON_NAME, "x")))

    assert facts.is_in_time(int(BEGIN.timestamp()))
    assert facts.is_in_time(int(END.timestamp()))
    assert not facts.is_in_time(int(BEGIN.timestamp()) - 1)
    assert not facts.is_in_time(int(END.timestamp()) + 1)


def test_holder_names_what_is_there():
    assert read_certificate(certificate((NameOID.COMMON_NAME, "x"))).holder == "CN=x"
    assert read_certificate(certificate((NameOID.TITLE, "x"))).holder == ""


@pytest.mark.parametrize("der", [b"", b"\x30\x00", b"\x30" * 100, bytes(MAX_CERTIFICATE + 1)])
def test_IN_03_what_is_no_certificate_is_a_value_error(der):
    with pytest.raises(ValueError, match=r"."):
        read_certificate(der)


def test_IN_03_trailing_bytes_are_refused():
    with pytest.raises(ValueError, match=r"."):
        read_certificate(certificate((NameOID.COMMON_NAME, "x")) + b"\0")
